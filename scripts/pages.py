# The checks of scripts/check-pages: drives headless Chromium over its debugging pipe, with keys and the page's own code.
import base64, json, os, shutil, subprocess, sys, tempfile, time, urllib.request
import checking
from checking import check

url, data = sys.argv[1], os.path.abspath(sys.argv[2])
folder = sys.argv[3] if len(sys.argv) > 3 else None


class Browser:
    """Chromium, which takes commands on one pipe and answers on another, each message ended by a NUL."""

    def __init__(self):
        self.profile = tempfile.mkdtemp()
        (take, self.give), (self.read, answer) = os.pipe(), os.pipe()

        def arrange():
            high = [os.dup(take) if take in (3, 4) else take, os.dup(answer) if answer in (3, 4) else answer]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self.process = subprocess.Popen(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
             "--force-color-profile=srgb", "--remote-debugging-pipe", f"--user-data-dir={self.profile}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=arrange, close_fds=False)
        os.close(take)
        os.close(answer)
        self.number, self.rest, self.session, self.events = 0, b"", None, []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        # Nothing moves while it is drawn.
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self.ask(domain + ".enable")

    def message(self):
        while b"\0" not in self.rest:
            part = os.read(self.read, 1 << 16)
            if not part:
                raise EOFError("the browser has ended")
            self.rest += part
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def ask(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.give, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    # What people do.

    def open(self, path, width=1200, height=900, phone=False):
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        self.ask("Page.navigate", url=url + path)
        self.wait("document.readyState === 'complete' && location.href.startsWith(" + json.dumps(url) + ")")

    def run(self, code):
        answer = self.ask("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"].get("exception", {}).get("description", code))
        return answer["result"].get("value")

    def wait(self, code, seconds=120):
        end = time.time() + seconds
        while time.time() < end:
            try:
                if self.run(f"!!({code})"):
                    return
            except RuntimeError:
                pass
            time.sleep(0.1)
        self.picture("failed")
        check("waited for " + code, False, self.run("document.body.innerText.slice(0, 2000)"))

    def press(self, key, text=None, modifiers=0):
        codes = {"Tab": 9, "Enter": 13, " ": 32, "ArrowDown": 40, "ArrowRight": 39, "ArrowLeft": 37, "Home": 36, "End": 35}
        said = text if text is not None else {"Enter": "\r", " ": " "}.get(key)
        parameters = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": codes.get(key, 0), "modifiers": modifiers}
        self.ask("Input.dispatchKeyEvent", type="keyDown", **parameters, **({"text": said} if said else {}))
        self.ask("Input.dispatchKeyEvent", type="keyUp", **parameters)

    def type(self, text):
        self.ask("Input.insertText", text=text)

    def reach(self, code, limit=120):
        """Presses Tab until the element that has the focus fulfils a condition on `at`."""
        for _ in range(limit):
            self.press("Tab")
            if self.run(f"(() => {{ const at = document.activeElement; return !!({code}); }})()"):
                return
        check("reached by Tab: " + code, False)

    def file(self, selector, path):
        root = self.ask("DOM.getDocument")["root"]["nodeId"]
        node = self.ask("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.ask("DOM.setFileInputFiles", nodeId=node, files=[path])

    def picture(self, name, part="document.documentElement"):
        """Draws an element, from its top on."""
        if not folder:
            return
        os.makedirs(folder, exist_ok=True)
        box = self.run(f"(() => {{ const box = {part}.getBoundingClientRect(); return {{x: box.x + scrollX, y: box.y + scrollY, width: box.width, height: Math.min(box.height, 1500), scale: 1}}; }})()")
        parameters = {"format": "png", "captureBeyondViewport": True, "clip": box}
        with open(os.path.join(folder, name + ".png"), "wb") as file:
            file.write(base64.b64decode(self.ask("Page.captureScreenshot", **parameters)["data"]))

    def complaints(self):
        """What the browser has found wrong: exceptions, refused sources, failed requests to elsewhere."""
        found = []
        for event in self.events:
            method, parameters = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(parameters["exceptionDetails"].get("exception", {}).get("description", "exception"))
            if method == "Log.entryAdded" and parameters["entry"]["level"] == "error" and "favicon" not in parameters["entry"].get("url", ""):
                # Asked for what is not there, on purpose.
                if "404" not in parameters["entry"]["text"]:
                    found.append(parameters["entry"]["text"])
            if method == "Network.requestWillBeSent" and not parameters["request"]["url"].startswith((url, "about:", "data:")):
                found.append("asks " + parameters["request"]["url"])
        return found


def get(path):
    with urllib.request.urlopen(url + path) as answer:
        return json.loads(answer.read())


def narrow(browser, name):
    browser.open(name, 390, 844, phone=True)
    time.sleep(1)
    check(f"{name} fits a phone", browser.run("document.documentElement.scrollWidth <= innerWidth"),
          browser.run("[...document.querySelectorAll('*')].filter((one) => one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML.slice(0, 80)).slice(0, 5).join('\\n')"))
    small = browser.run("[...document.querySelectorAll('button, input, select, textarea')].filter((one) => one.offsetParent && !one.labels?.length && !one.textContent.trim() && !one.ariaLabel).length")
    check(f"{name}: everything has a name", small == 0, small)


checking.wait_until_ready(url)
browser = Browser()
try:
    # The wizard, by keys alone; only the file's own dialogue is the browser's.
    browser.open("/tune")
    browser.wait("document.querySelectorAll('#models .choice').length === 2")
    check("what cannot be trained says why", "cannot be trained" in browser.run("document.getElementById('models').innerText"))
    check("its choice is closed", browser.run("[...document.querySelectorAll('#models input')].filter((one) => one.disabled).length") == 1)
    check("the only model is chosen", browser.run("document.querySelector('#models input:checked')?.value") == "demo")
    check("tasks come from the service", browser.run("document.querySelectorAll('#tasks .choice').length") >= 4)
    browser.reach("at.id === 'suffix'")
    browser.type("birds")
    browser.file("#upload", data)
    browser.wait("document.getElementById('uploading').textContent.endsWith('is there.')")
    check("the file is chosen", browser.run("document.getElementById('training').value").startswith("file-"))
    browser.reach("at.id === 'batch'")
    browser.run("document.activeElement.select()")
    browser.type("4")
    browser.reach("at.id === 'epochs'")
    browser.run("document.activeElement.select()")
    browser.type("2")
    browser.run("document.getElementById('device').value = 'cpu'; document.getElementById('length').value = 128; document.getElementById('rate').value = 5")
    browser.reach("at.id === 'check'")
    check("nothing can be submitted before it is checked", browser.run("document.getElementById('submit').disabled"))
    browser.press("Enter")
    browser.wait("!document.getElementById('submit').disabled")
    report = browser.run("document.getElementById('report').innerText")
    for word in ("The job can run", "memory at the peak", "time", "trained tokens", "4 examples", "Training examples"):
        check("the report has: " + word, word in report, report)
    check("masks are shown", browser.run("document.querySelectorAll('#report mark.trained').length") >= 8)
    check("masks need no colour", "underline" in browser.run("getComputedStyle(document.querySelector('.example mark')).textDecorationLine"))
    browser.run("document.activeElement.blur()")
    browser.picture("tune")
    browser.picture("tune-report", "document.getElementById('report')")
    dry = get("/v1/fine_tuning/jobs")["data"]
    check("dry runs train nothing", len(dry) == 2 and all(job["tala"]["reason"] == "validated_only" for job in dry), dry)
    browser.run("document.getElementById('check').focus()")
    browser.reach("at.id === 'submit'")
    browser.press("Enter")
    browser.wait("location.pathname === '/dashboard' && location.hash.startsWith('#ftjob-')")
    job = browser.run("location.hash.slice(1)")
    made = get("/v1/fine_tuning/jobs/" + job)
    check("the job is what the wizard said", made["user_provided_suffix"] == "birds" and made["hyperparameters"]["batch_size"] == 4 and made["hyperparameters"]["n_epochs"] == 2, made)

    # The dashboard.
    browser.wait("[...document.querySelectorAll('#jobs .state')].some((one) => one.textContent === 'succeeded')", 900)
    browser.wait("document.querySelector('#loss path.train') && document.querySelector('#loss path.valid')")
    check("dry runs are called so", browser.run("[...document.querySelectorAll('#jobs .state')].filter((one) => one.textContent === 'dry run').length") == 2)
    browser.run("document.getElementById('loss').focus()")
    browser.press("End")
    check("keys walk through the chart", browser.run("document.getElementById('reading').textContent").startswith("step "))
    browser.picture("dashboard")
    browser.run("[...document.querySelectorAll('#jobs button')].find((one) => one.textContent === 'Deploy').focus()")
    browser.press("Enter")
    browser.wait("[...document.querySelectorAll('#deployments tr')].filter((row) => row.innerText.includes('ready')).length === 2")
    check("deployed by its name", {one["id"] for one in get("/v1/deployments")["data"]} == {"base", "birds"})

    # The playground: base and tuned side by side.
    browser.open("/playground")
    browser.wait("document.getElementById('right').value === 'birds' && document.getElementById('left').value === 'base'")
    browser.run("document.getElementById('max_tokens').value = 24")
    hostile = "<img src=x onerror=alert(1)> Tell me of a bird."
    browser.run("document.getElementById('message').focus()")
    browser.type(hostile)
    browser.press("Enter")
    browser.wait("document.querySelectorAll('.turn').length === 4 && document.getElementById('stop').disabled && [...document.querySelectorAll('.side .note')].every((one) => one.textContent.includes('tokens/s'))")
    check("texts stay texts", browser.run("document.querySelectorAll('.turn img').length") == 0 and hostile in browser.run("document.querySelector('.turn.user').textContent"))
    check("each token says what else was likely", "%" in browser.run("document.querySelector('.turn:not(.user) span').title"))
    browser.run("document.querySelector('.turn:not(.user)').focus()")
    browser.press("ArrowRight")
    check("keys walk through the tokens", "%" in browser.run("document.querySelector('.side .note').textContent"))
    browser.run("document.getElementById('clear').click(); document.getElementById('message').focus()")
    browser.type("What does the duck eat?")
    browser.press("Enter")
    browser.wait("document.querySelectorAll('.turn').length === 4 && document.getElementById('stop').disabled && [...document.querySelectorAll('.side .note')].every((one) => one.textContent.includes('tokens/s'))")
    browser.run("document.activeElement.blur()")
    browser.picture("playground")
    browser.run("document.getElementById('max_tokens').value = 400; document.getElementById('message').focus()")
    browser.type("Tell me a long story.")
    browser.press("Enter")
    browser.wait("!document.getElementById('stop').disabled && document.querySelectorAll('.turn').length === 8")
    browser.run("document.getElementById('stop').focus()")
    browser.press("Enter")
    browser.wait("document.getElementById('stop').disabled")
    browser.run("document.getElementById('code').focus()")
    browser.press("Enter")
    code = browser.run("document.getElementById('request').textContent")
    check("code is shown", "curl " in code and "from openai import OpenAI" in code)

    # Phones.
    for page in ("/tune", "/playground"):
        narrow(browser, page)
    browser.picture("phone")
    narrow(browser, "/dashboard#" + job)

    check("the browser has nothing to complain of", not browser.complaints(), browser.complaints()[:3])

    # A page from elsewhere reads nothing and changes nothing here.
    browser.ask("Page.navigate", url="data:text/html,<p>elsewhere</p>")
    browser.wait("document.body.innerText === 'elsewhere'")
    ask = "fetch(%s, %s).then((answer) => answer.type, (error) => error.name)"
    check("it reads nothing", browser.run(ask % (json.dumps(url + "/v1/models"), "{}")) == "TypeError")
    browser.run(ask % (json.dumps(url + "/v1/deployments/base/pause"), "{method: 'POST', mode: 'no-cors'}"))
    time.sleep(1)
    check("it changes nothing", {one["state"] for one in get("/v1/deployments")["data"]} == {"ready"})
finally:
    browser.close()
print(f"{checking.passed} checks of the pages passed")
