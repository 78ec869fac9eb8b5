"""Names that mean something else in expressions, so that no dataset, property or parameter may have them."""

ASK = "ask"
TODAY = "today"

RESERVED_NAMES = frozenset(
    {
        ASK,
        TODAY,
        # The words that CEL keeps for itself (cel-spec, doc/langdef.md), and the names of its types.
        *("as break const continue else false for function if import in let loop package namespace null").split(),
        *("return true var void while bool bytes double duration dyn int list map string timestamp type uint").split(),
    }
)
