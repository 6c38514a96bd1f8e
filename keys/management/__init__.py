"""What every part of the management API stands on; and, where Django looks for them, the commands."""
