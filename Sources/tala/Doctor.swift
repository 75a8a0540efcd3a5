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
            Each device trains a small model for two steps, and its losses are compared with the processor's. Exit codes: 0 a job can run, 1 something keeps \
            every job from running.
            """)
    @OptionGroup var options: SpoolOptions
    @Option(help: "The policy to check.") var policy = "/etc/tala/policy.yaml"
    @Flag(help: "Do not try the devices.") var quick = false
    @Option(
        help: ArgumentHelp(
            "Write what was found into this file as JSON, without names of users, hosts or files of yours.", valueName: "file"),
        completion: .file(extensions: ["json"]))
    var report: String?

    func run() throws {
        let machine = [worker] + SystemHealth.checks() + DriverHealth.checks() + (quick ? [] : DeviceHealth.checks())
        let spool = SpoolHealth(options.layout, policyFile: policy).checks()
        let checks = machine + spool
        let canRun = !checks.contains { $0.verdict == .failure }
        if let report {
            // The spool's checks name paths and models of the user's.
            let verdicts = spool.map { JSONMember($0.name, JSONNode($0.verdict.rawValue)) }
            let node: JSONNode = [
                "version": JSONNode(Tala.configuration.version), "checks": JSONNode(machine.map(\.json)), "spool": JSONNode(verdicts),
                "devices": JSONNode(
                    Devices.all().map { JSONMember($0.selector, JSONNode($0.details.map { JSONMember($0.0, JSONNode($0.1)) })) }),
            ]
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

    /// The program that talad starts lies beside this one.
    private var worker: HealthCheck {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        let path = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let missing = ["talad", "tala-worker"].filter { access(DurableFiles.split(path).folder + "/" + $0, X_OK) != 0 }
        guard missing.isEmpty else {
            return HealthCheck(
                "programs", .failure, "\(missing.joined(separator: ", ")) not beside tala", remedy: "install all three into one folder")
        }
        return HealthCheck("programs", .fine, "tala, talad and tala-worker, version \(Tala.configuration.version)")
    }
}
