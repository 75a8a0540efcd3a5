# What the scripts that check a running server share.
import os, sys, time, urllib.request

passed = 0


def check(name, truth, found=""):
    """Counts what holds; the first thing that does not ends the script with what was found instead. With TALA_GO_ON=1 the rest is tried too."""
    global passed
    if not truth:
        print(f"failed: {name} {str(found)[:600]}", flush=True)
        if os.environ.get("TALA_GO_ON") != "1":
            os._exit(1)
        return
    passed += 1


def report(name, count, seed):
    """A figure for docs/reliability.md, where scripts/torture asks for them."""
    print(f"TORTURE {name} {count} seed {seed}")
    if path := os.environ.get("TALA_TORTURE_REPORT"):
        with open(path, "a") as file:
            file.write(f"{name}\t{count}\t{seed}\n")


def wait_until_ready(url):
    """Until the server answers that it is ready; a minute later that is a failure."""
    for _ in range(600):
        try:
            with urllib.request.urlopen(url + "/ready") as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        time.sleep(0.1)
    check("ready", False, url)
