"""What the pages of desk and portal watch. Each module registers its sources with core.live; the
contract is the docstring there."""
