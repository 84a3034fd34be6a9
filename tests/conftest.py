"""How hypothesis runs in every test, how figures are kept, and which signals are heard."""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, Phase, settings

pytest_plugins = ("tests.figures",)

# Derandomised: a test run says the same thing twice. No deadline: the machine may be busy.
# A world takes hundreds of draws, which is what "too slow" counts.
settings.register_profile(
    "default",
    derandomize=True,
    deadline=None,
    max_examples=50,
    database=None,
    # Explaining a failure takes minutes; the smallest example says enough.
    phases=(Phase.explicit, Phase.generate, Phase.target, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow],
)
# `pytest --soak` looks further, and elsewhere every time.
settings.register_profile(
    "soak",
    settings.get_profile("default"),
    derandomize=False,
    max_examples=2_000,
)
# `make mutants` asks of each changed program only whether something fails, not what at least.
settings.register_profile(
    "mutants",
    settings.get_profile("default"),
    max_examples=15,
    phases=(Phase.explicit, Phase.generate),
)
settings.load_profile(os.environ.get("BMUX_FORENSICS_TEST_PROFILE", "default"))

# A shell's background jobs and nohup ignore these, and so would every program under test.
for _signal in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_signal) == signal.SIG_IGN:
        signal.signal(_signal, signal.SIG_DFL)
