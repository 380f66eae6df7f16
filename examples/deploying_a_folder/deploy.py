"""Deploy the folder `flows` beside this file: show the plan, apply it, and show that nothing is left to do.

Without FIBONACCI_API_KEY it uses an emulator of the platform that it starts itself. It works on a copy of the folder,
so that the state in `.fibonacci` does not stay; of your own folder, keep it in version control.

    pip install 'fibonacci-sdk[yaml]'
    python deploy.py                    show the plan and apply it
    python deploy.py --allow-delete     also delete the workflows whose files are gone
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator

FLOWS = Path(__file__).parent / "flows"


def deploy(client: Fibonacci, folder: Path, *, allow_delete: bool) -> None:
    plan = client.workflows.plan(folder)
    print(plan)  # prints: Plan: 2 to create, 0 unchanged.
    if plan.problems.errors:
        sys.exit(1)
    if plan.has_changes:
        print(client.workflows.apply(plan, allow_delete=allow_delete))  # prints: created triage.yaml  'triage' (wf-...)


def main() -> None:
    allow_delete = "--allow-delete" in sys.argv
    with TemporaryDirectory() as place:
        folder = shutil.copytree(FLOWS, Path(place, "flows"))
        if "FIBONACCI_API_KEY" in os.environ:
            with Fibonacci() as client:
                deploy(client, folder, allow_delete=allow_delete)
                print(client.workflows.plan(folder))  # prints: No changes: ... (2 files) matches default at ....
        else:
            with Emulator() as emulator, Fibonacci(emulator.api_key, base_url=emulator.base_url) as client:
                deploy(client, folder, allow_delete=allow_delete)
                print(client.workflows.plan(folder))


if __name__ == "__main__":
    main()
