"""What a process that a model starts may import of `bootstrap_host`."""


class Skip(Exception):
    """Raise it to leave this nonce out on purpose: raise Skip("why")."""


class RunContext:
    """The type of the context argument, for annotations. Only the model process itself has one."""

    def __init__(self):
        raise TypeError("only the model process has a context: pass on the values that are needed")
