"""The monitor's tests share one made-up suite: world.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # test modules import the world by its name
