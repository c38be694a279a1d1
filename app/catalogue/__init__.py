"""What can be asked for: experiments by name and section, their fields, presets and lessons."""
