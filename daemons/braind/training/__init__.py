"""Training on a day.

`source` reads it, `samples` turns it into features and labels, `fit` trains, `baselines` says what that is
worth, `train` puts the package together.
"""


class TrainingError(Exception):
    """The day can not be trained on; the message, for people, says why and what would help."""
