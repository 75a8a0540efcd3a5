import ArgumentParser
import CommandLineTools
import Devices
import JSON
import Jobs
import Storage

/// `tala device-check`: every kernel, a reference library's losses and the speed of a device, in
/// one report.
struct DeviceCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "device-check", abstract: "Try all that a device has to do for Tala, and measure it.",
        discussion: """
            Runs the kernels' tests (with Vulkan's validation layer where that is installed), trains the models of a reference set beside the losses of \
            transformers and PEFT, measures matrix products, attention and memory beside what is published of the card, and takes steps of training models \
            of 135 and 500 million parameters. Progress is told on standard error. The report holds no names of users, hosts or files. Exit codes: 0 all is as it \
            should be, 1 something is not.
            """)
    @Option(help: "The device: cpu, vulkan:NUMBER; all Vulkan devices if left out.") var device: String?
    @Option(help: "Seconds that it may take for a device, about.") var seconds = 420.0
    @Option(
        help: ArgumentHelp("A reference set, for example Tests/Reference of the source.", valueName: "folder"), completion: .directory)
    var reference: String?
    @Option(help: ArgumentHelp("Write the report into this file as JSON.", valueName: "file"), completion: .file(extensions: ["json"]))
    var report: String?
    @Flag(help: "Print the report as one JSON object.") var json = false

    func validate() throws {
        guard seconds.isFinite, (1...86_400).contains(seconds) else { throw ValidationError("--seconds is a number from 1 to 86400") }
    }

    func run() throws {
        let progress = BenchProgress(isSilent: json)
        let present = Devices.all().map(\.selector)
        let selectors = device.map { [$0] } ?? present.filter { $0 != "cpu" }
        guard !selectors.isEmpty else {
            throw CommandFailure(.notFound, "there is no Vulkan device: tala doctor says what is missing; --device cpu tries the processor")
        }
        var (nodes, hasPassed): ([JSONNode], Bool) = ([], true)
        for selector in selectors {
            do {
                var examination = try DeviceExamination(selector) { progress.say($0) }
                examine(&examination)
                nodes.append(examination.json)
                hasPassed = hasPassed && examination.failures.isEmpty
            } catch {
                progress.say("FAILED: \(selector): \(error)")
                nodes.append(["device": JSONNode(selector), "passed": false, "failures": [JSONNode("\(error)")]])
                hasPassed = false
            }
        }
        let node = MachineReport.json(
            seconds: progress.elapsed, [JSONMember("passed", JSONNode(hasPassed)), JSONMember("examined", JSONNode(nodes))])
        if let report { try DurableFiles.replace(report, with: JSONWriter(isIndented: true).string(node) + "\n") }
        if json {
            try StandardOutput.json(node)
        } else {
            try StandardOutput.line(hasPassed ? "all is as it should be" : "something is not as it should be: see FAILED")
        }
        if !hasPassed { throw CommandExit.failed.code }
    }

    private func examine(_ examination: inout DeviceExamination) {
        examination.checkKernels(seconds: seconds * 0.4)
        if let reference { examination.checkParity(with: reference, seconds: seconds * 0.15) }
        examination.measureBriefly(seconds: seconds * 0.4)
    }
}
