"""The benches are no installed package: they are found from the root, as `python -m benchmarks` finds them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
