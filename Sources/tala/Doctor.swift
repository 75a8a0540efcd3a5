import ArgumentParser
import CommandLineTools
import Devices
import Glibc
import JSON
import Jobs
import Storage

/// `tala doctor`: everything that keeps a job from running, with what to do.
struct Doctor: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check system, drivers, devices, spool and policy, and say what to do.",
        discussion: """
            Each device computes products and attention, which are compared with float64, and trains a small model for two steps, whose losses are compared \
            with the processor's. The spool is looked at with your rights and with those of the daemon's user. Exit codes: 0 a job can run, 1 something keeps \
            every job from running.
            """)
    @OptionGroup var options: SpoolOptions
    @Option(help: "The policy to check.") var policy = "/etc/tala/policy.yaml"
    @Flag(help: "Do not try the devices.") var quick = false
    @Option(
        help: ArgumentHelp(
            "Write what was found into this file as JSON, without names of users, hosts or files of yours; with a benchmark of two minutes at most.",
            valueName: "file"),
        completion: .file(extensions: ["json"]))
    var report: String?

    func run() throws {
        let start = BenchClock.now()
        let devices = quick ? [] : DeviceHealth.checks()
        let machine = [worker] + SystemHealth.checks() + DriverHealth.checks() + devices
        let spool = SpoolHealth(options.layout, policyFile: policy, version: Tala.configuration.version).checks()
        let checks = machine + spool
        let canRun = !checks.contains { $0.verdict == .failure }
        if let report {
            // The spool's checks name paths and models of the user's, the others' groups.
            let verdicts = spool.map { JSONMember($0.name, JSONNode($0.verdict.rawValue)) }
            let node = MachineReport.json(
                seconds: BenchClock.now() - start,
                [
                    JSONMember("checks", JSONNode(devices.map(\.json))), JSONMember("spool", JSONNode(verdicts)),
                    JSONMember("benchmark", quick ? .null : benchmark()),
                ])
            try DurableFiles.replace(report, with: JSONWriter(isIndented: true).string(node) + "\n")
        }
        if options.json {
            try StandardOutput.json(["can_run": JSONNode(canRun), "checks": JSONNode(checks.map(\.json))])
        } else {
            let (terminal, width) = (Terminal(), checks.map(\.name.count).max() ?? 0)
            try StandardOutput.line(checks.flatMap { $0.lines(terminal, nameWidth: width) }.joined(separator: "\n"))
            try StandardOutput.line(canRun ? "a job can run here" : "no job can run here: see FAIL above")
        }
        if !canRun { throw CommandExit.failed.code }
    }

    /// Rates and steps of every device, within two minutes in all.
    private func benchmark() -> JSONNode {
        let progress = BenchProgress(isSilent: options.json)
        let selectors = Devices.all().map(\.selector)
        let nodes = selectors.map { selector -> JSONNode in
            do {
                var examination = try DeviceExamination(selector) { progress.say($0) }
                examination.measureBriefly(seconds: 90 / Double(selectors.count))
                return examination.json
            } catch { return ["device": JSONNode(selector), "failures": [JSONNode("\(error)")]] }
        }
        return JSONNode(nodes)
    }

    /// The program that talad starts, and the daemon itself.
    private var worker: HealthCheck {
        let missing = InstalledPrograms.own.missing
        guard missing.isEmpty else {
            return HealthCheck(
                "programs", .failure, "\(missing.joined(separator: ", ")): not there, or not executable",
                remedy: "install all three into one folder, or tala-worker into libexec/tala beside bin")
        }
        return HealthCheck("programs", .fine, "tala, talad and tala-worker, version \(Tala.configuration.version)")
    }
}
