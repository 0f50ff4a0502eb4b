"""Mistakes that a user can make, told apart from mistakes of the program."""


class UserError(ValueError):
    """One line that names the key, the value and what is allowed; the command ends with exit code 2.

    Example:
        from model import Scenario, UserError

        try:
            Scenario(fee_rate=9)
        except UserError as error:
            print(error)
    """
