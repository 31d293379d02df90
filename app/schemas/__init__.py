"""What travels over the wire: `base.load(NewTaskSchema, {…})` gives the checked values that a repository takes."""
