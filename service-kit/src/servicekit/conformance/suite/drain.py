"""
Whether the service leaves without losing a request. Finding out stops the process.
"""

from typing import Final

from servicekit.conformance.check import check
from servicekit.conformance.ending import observe
from servicekit.conformance.subject import Subject
from servicekit.conformance.verdicts import NotApplicable, expect

_SERVER: Final = "Serve by servicekit.serving.server.run() and leave SIGTERM to it: "


@check(mend=_SERVER + "it turns readiness off before anything else.", ends_service=True)
async def ready_ends_with_the_signal(subject: Subject) -> None:
    """
    After SIGTERM /health/ready is 503, so that balancers turn away, while the port is still open.
    """
    if subject.target.drain_delay_s <= 0:
        raise NotApplicable("no drain delay: give it (Target(drain_delay_s=...), --drain-delay)")
    seen = (await subject.ending(observe)).ready
    expect(
        not isinstance(seen, str) and seen.status == 503,
        seen=f"/health/ready after the signal: {seen}",
        expected="503",
    )


@check(
    mend=_SERVER + "it goes on accepting for DRAIN_DELAY_SECONDS, since balancers need a moment.",
    ends_service=True,
)
async def newcomers_are_served_during_the_delay(subject: Subject) -> None:
    """
    After SIGTERM a request on a new connection is still served until the delay is over.
    """
    if subject.target.drain_delay_s <= 0:
        raise NotApplicable("no drain delay: give it (Target(drain_delay_s=...), --drain-delay)")
    seen = (await subject.ending(observe)).newcomer
    if seen is None:
        raise NotApplicable("readiness did not end in time, so that nothing came after it")
    expect(
        not isinstance(seen, str) and seen.status == 404,
        seen=f"an unknown address after the signal: {seen}",
        expected="404, as before the signal",
    )


@check(mend=_SERVER + "it waits DRAIN_TIMEOUT_SECONDS for requests in progress.", ends_service=True)
async def requests_in_progress_are_completed(subject: Subject) -> None:
    """
    A request that is in progress when the service stops accepting gets its whole answer.
    """
    ending = await subject.ending(observe)
    if ending.in_flight is None:
        raise NotApplicable(ending.in_flight_gap or "there was no request in progress")
    seen = ending.in_flight
    expect(
        not isinstance(seen, str) and seen.status < 500,
        seen=f"a request in progress at the end: {seen}",
        expected="its answer",
    )


@check(
    mend=_SERVER + "it closes idle connections and bounds the wait for the others. "
    "Resources that are slow to close need a bound of their own.",
    ends_service=True,
)
async def process_ends_in_time(subject: Subject) -> None:
    """
    The process ends within its bounds, though idle clients keep their connections open.
    """
    took_s = (await subject.ending(observe)).took_s
    expect(
        took_s is not None,
        seen=f"still there {subject.target.stop_timeout_s:g} s after the signal",
        expected="the end of the process within its drain delay and timeout",
    )


@check(
    mend=_SERVER + "a stop that was asked for is no failure; return run()'s result as exit code.",
    ends_service=True,
)
async def process_ends_with_zero(subject: Subject) -> None:
    """
    The exit code after SIGTERM is 0.
    """
    ending = await subject.ending(observe)
    if ending.took_s is None or ending.exit_code is None:
        raise NotApplicable("the exit code is not known: the process has not ended, or is no child")
    expect(ending.exit_code == 0, seen=f"exit code {ending.exit_code}", expected="0")
