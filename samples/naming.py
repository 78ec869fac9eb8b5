"""Invented names: as people here are called, with the characters and separators that break systems."""

from random import Random

SEPARATOR = "\u00b7"
RARE = ("\U0002c029", "㐂", "堃", "喆", "䶮", "赟", "頔", "翀", "㛃", "甪")
"""Given-name characters that old systems lack; the first is 𬀩, outside the basic plane."""
_RARE_SHARE = 0.02
_TWO_SHARE = 0.72
_SURNAMES = (
    "陈" * 12 + "林" * 10 + "王" * 9 + "张" * 8 + "李" * 7 + "郑" * 6 + "叶" * 6 + "江" * 5 + "赵" * 5 + "蔡" * 5
    + "潘" * 4 + "金" * 4 + "徐" * 4 + "朱" * 4 + "吴" * 4 + "周" * 4 + "黄" * 4 + "胡" * 3 + "颜" * 3 + "毛" * 3
    + "杨" * 3 + "戴" * 2 + "阮" * 2 + "谢" * 2 + "罗" * 2 + "丁" * 2 + "梁" * 2 + "邵" * 2 + "鲍" * 2 + "莫" * 2
    + "葛" * 2 + "施" * 2 + "许" * 2 + "孔冯程夏詹狄管应蒋季卢余郭方缪章项娄翁钟沈谭龚孙马高何曹"
)  # fmt: skip
_MALE = "伟强磊军洋勇杰涛超明刚平辉鹏华飞鑫波斌宇浩凯健俊帆帅旭宁龙林欢阳建国庆志文武海峰仁德义昌荣福祥松柏根法友顺"
_FEMALE = (
    "芳娜敏静秀娟英慧巧美兰凤洁梅琳素云莲真环雪荣爱妹霞香月莺媛艳瑞凡佳嘉琼珍贞莉桂娣叶璧璐娅琦晶妍茜秋珊莎锦黛青倩"
)
_UYGHUR_MALE = ("买买提", "艾合买提", "吾买尔", "阿不都热依木", "图尔荪", "艾力", "玉素甫")
_UYGHUR_FEMALE = ("阿依古丽", "古丽娜尔", "迪丽努尔", "热依汗", "阿米娜", "帕提古丽", "祖丽皮亚")
_TIBETAN_FIRST = ("扎西", "洛桑", "次仁", "格桑", "丹增")
_TIBETAN_SECOND = ("卓玛", "多吉", "平措", "央金", "顿珠")
_HAKKA_GIVEN = "志偉家輝國強慧珊嘉欣詠詩俊傑淑芬雅婷"
_FOREIGN_FIRST = ("JOHN", "MARIA", "PAUL", "SOFIA", "DAVID", "ANNA", "MARK", "LAURA")
_FOREIGN_LAST = ("SMITH", "MUELLER", "KIM", "ROSSI", "KHAN", "TAYLOR", "PARK", "WEBER")


def surname(rng: Random) -> str:
    """A family name, common here as often as here."""
    return rng.choice(_SURNAMES)


def given(rng: Random, *, male: bool) -> str:
    """A given name of one or two characters, now and then with a rare one."""
    characters = _MALE if male else _FEMALE
    first = rng.choice(RARE) if rng.random() < _RARE_SHARE else rng.choice(characters)
    return first + rng.choice(characters) if rng.random() < _TWO_SHARE else first


def full(rng: Random, ethnicity: str, family: str, *, male: bool) -> str:
    """A full name as people of an ethnicity write it; `family` is the family name where they have one."""
    if ethnicity == "维吾尔族":
        own = rng.choice(_UYGHUR_MALE if male else _UYGHUR_FEMALE)
        return own + SEPARATOR + rng.choice(_UYGHUR_MALE)
    if ethnicity == "藏族":
        return rng.choice(_TIBETAN_FIRST) + rng.choice(_TIBETAN_SECOND)
    return family + given(rng, male=male)


def of_hong_kong(rng: Random) -> str:
    """A name in traditional characters."""
    return rng.choice("陳林黃張李王吳劉蔡楊") + "".join(rng.choice(_HAKKA_GIVEN) for _ in range(2))


def foreign(rng: Random) -> str:
    """A foreigner's name as the permit prints it."""
    return f"{rng.choice(_FOREIGN_LAST)} {rng.choice(_FOREIGN_FIRST)}"


def is_unusual(name: str) -> bool:
    """Whether old systems are likely to spoil a name: a separator, or a rare character."""
    return SEPARATOR in name or any(character in name for character in RARE)
