"""Names that mean something else in expressions, so that no dataset, property or parameter may have them."""

ASK = "ask"
TODAY = "today"

# The words that CEL keeps for itself (cel-spec, doc/langdef.md), and the names of its types.
_WORDS = """
as break const continue else false for function if import in let loop package namespace null return true var void while
bool bytes double duration dyn int list map string timestamp type uint
"""

RESERVED_NAMES = frozenset({ASK, TODAY, *_WORDS.split()})
