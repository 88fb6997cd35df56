"""`python -m convcalc`, and where the command `convcalc` begins."""

import _signal as signal  # type: ignore[import-not-found]  # built in, while `signal` takes time to import

if hasattr(signal, "pthread_sigmask"):  # Ctrl-C waits until it is caught: importing takes a while
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def main() -> None:
    from convcalc.cli import main

    main()


if __name__ == "__main__":
    main()
