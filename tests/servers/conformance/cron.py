"""Compares the next runs of random cron expressions with cronsim and croniter (both with zoneinfo).

    tests/servers/conformance/run.sh cron

Ten thousand expressions, each with a start within days of one of the two changes of 2027, in Berlin, New York, on Lord
Howe (whose clocks change by half an hour) and in UTC. Where the zone changes by whole hours, ours must be what cronsim
says, to the last time. On Lord Howe both libraries are wrong at times (cronsim loses the half hour of the day of a change,
croniter mixes up steps), so there one of the two must agree, or the times must be right by definition.
"""

import random
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from croniter import croniter
from cronsim import CronSim, CronSimError

COUNT = 10_000
MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
DAYS = "SUN MON TUE WED THU FRI SAT".split()
ZONES = {
    "Europe/Berlin": ["2027-03-28", "2027-10-31"],
    "America/New_York": ["2027-03-14", "2027-11-07"],
    "Australia/Lord_Howe": ["2027-04-04", "2027-10-03"],
    "UTC": ["2027-03-28", "2027-10-31"],
}


def field(chance, low, high, names=(), star=0.4):
    roll = chance.random()
    if roll < star:
        return "*"
    if roll < star + 0.12:
        return f"*/{chance.randint(1, max(1, (high - low) // 2))}"

    def item():
        kind, first = chance.random(), chance.randint(low, high)
        if kind < 0.6:
            named = names and chance.random() < 0.4 and first - low < len(names)
            return names[first - low] if named else str(first)
        last = chance.randint(first, high)
        # cronsim reads `5-5/2` as `5-59/2`.
        step = f"/{chance.randint(1, 5)}" if kind >= 0.85 and last > first else ""
        return f"{first}-{last}{step}"

    return ",".join(item() for _ in range(chance.choice([1, 1, 1, 2, 3])))


def cases():
    chance = random.Random(2027)
    for _ in range(COUNT):
        zone = chance.choice(list(ZONES))
        change = datetime.fromisoformat(chance.choice(ZONES[zone])).replace(tzinfo=ZoneInfo(zone))
        start = int(change.timestamp()) + chance.randint(-3 * 86400, 2 * 86400)
        expression = " ".join(
            [
                field(chance, 0, 59, star=0.25),
                field(chance, 0, 23),
                field(chance, 1, 31, star=0.6),
                field(chance, 1, 12, MONTHS, star=0.8),
                field(chance, 0, 6, DAYS, star=0.6),
            ]
        )
        yield expression, zone, start - start % 60


def by_cronsim(expression, zone, start):
    found = []
    try:
        times = CronSim(expression, datetime.fromtimestamp(start, ZoneInfo(zone)))
        while len(found) < 6:
            found.append(int(next(times).timestamp()))
    except (StopIteration, CronSimError):
        # A day that none of the months has: we refuse it as well.
        pass
    return found


def by_croniter(expression, zone, start):
    times = croniter(expression, datetime.fromtimestamp(start, ZoneInfo(zone)))
    return [int(times.get_next(float)) for _ in range(6)]


def numbers(field, low, high, names=()):
    found = set()
    for item in field.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        number = lambda text: names.index(text) + low if text in names else int(text)
        first, last = (low, high) if span == "*" else (number(first), number(last or first))
        found.update(range(first, last + 1, int(step or 1)))
    return found


def matcher(expression):
    """Whether a local time fits, by the words of the manual page of cron."""
    minute, hour, day, month, weekday = expression.split()
    minutes, hours = numbers(minute, 0, 59), numbers(hour, 0, 23)
    days, months, weekdays = numbers(day, 1, 31), numbers(month, 1, 12, MONTHS), numbers(weekday, 0, 6, DAYS)
    both = all if "*" in (day[0], weekday[0]) else any

    def fits(local):
        dates = [local.day in days, local.isoweekday() % 7 in weekdays]
        return local.minute in minutes and local.hour in hours and local.month in months and both(dates)

    return fits


def by_definition(expression, zone, start, ours):
    """Minute by minute: what fits, what is left out and what comes twice. For expressions that follow the time that
    passes every fitting minute counts; for the others a repeated time counts once and one that is left out at its end."""
    minute, hour = expression.split()[:2]
    flows = minute[0] == "*" or hour[0] == "*"
    tz, found, at = ZoneInfo(zone), [], start
    fits = matcher(expression)
    while len(found) < len(ours):
        at += 60
        if at > ours[-1]:
            return False
        local = datetime.fromtimestamp(at, tz)
        gap = local.utcoffset() - datetime.fromtimestamp(at - 60, tz).utcoffset()
        skipped = [local.replace(tzinfo=None) - timedelta(minutes=n) for n in range(1, int(gap.total_seconds() // 60) + 1)]
        if fits(local) if flows else (fits(local) and not local.fold) or any(fits(one) for one in skipped):
            found.append(at)
    return found == ours


def main():
    program, all_cases = sys.argv[1], list(cases())
    lines = "\n".join(f"{expression}|{zone}|{start}" for expression, zone, start in all_cases)
    said = subprocess.run([program], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(said) == COUNT, f"{len(said)} answers"
    as_cronsim = as_croniter = defined = 0
    wrong = []
    for (expression, zone, start), line in zip(all_cases, said):
        expected = by_cronsim(expression, zone, start)
        # Ours looks fifty years ahead, cronsim as well; what is compared are the times that both give.
        ours = [] if line == "" or line.startswith("error") else [int(at) for at in line.split(",")]
        if ours == expected:
            as_cronsim += 1
        elif zone == "Australia/Lord_Howe" and ours == by_croniter(expression, zone, start):
            as_croniter += 1
        elif zone == "Australia/Lord_Howe" and by_definition(expression, zone, start, ours):
            defined += 1
        else:
            wrong.append(f"{expression} | {zone} | {datetime.fromtimestamp(start, timezone.utc)}: {line} | {expected}")
    for line in wrong[:20]:
        print("DIFFERS", line)
    print(f"{as_cronsim} as cronsim, {as_croniter} as croniter, {defined} by definition, {len(wrong)} differ")
    if wrong:
        sys.exit(1)
    print(f"PASS {COUNT} expressions")


main()
