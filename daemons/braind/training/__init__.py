"""Training on a day: `source` reads it, `samples` turns it into features and labels, `fit` trains, `baselines`
says what that is worth, `train` puts the package together. Errors: TrainingError, its message is for people."""


class TrainingError(Exception):
    """The day can not be trained on; the message says why and what would help."""
