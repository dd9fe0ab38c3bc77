"""python -m tests.demodata --orders N: a large made-up office in the database of the environment,
to see how the desk bears its years. Refused beside orders that are real, unless --force.
"""

import argparse
import os
import sys
import time

import django
from tqdm import tqdm


def main() -> int:
    options = parse_arguments()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "office.settings")
    django.setup()
    from core.models import Order
    from tests.demodata.office import make_up

    if Order.objects.exists() and not options.force:
        print("This office holds orders; --force makes others up beside them.", file=sys.stderr)
        return 1
    began = time.monotonic()
    with tqdm(total=options.orders, unit=" orders") as bar:
        office = make_up(options.orders, options.customers, options.ledger, bar.update)
    print(
        f"{office.orders:,} orders, {office.customers:,} customers and {office.booked:,} "
        f"ledger entries in {time.monotonic() - began:.0f} s."
    )
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.demodata", description=__doc__)
    parser.add_argument("--orders", type=int, required=True)
    parser.add_argument("--customers", type=int, help="of these orders; one in 25 by default")
    parser.add_argument("--ledger", type=int, help="entries; two an order by default")
    parser.add_argument("--force", action="store_true", help="also beside orders that are real")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
