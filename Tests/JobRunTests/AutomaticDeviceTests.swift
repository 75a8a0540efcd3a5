import Foundation
import Graph
import JSON
import Jobs
import Profiling
import Spool
import Storage
import TestSupport
import Testing

@testable import Devices
@testable import Worker

/// No graphics processor is replaced by the processor in silence.
@Suite struct AutomaticDeviceTests {
    private struct DriverError: Error, CustomStringConvertible {
        var description: String { "vkCreateDevice failed with -4" }
    }

    /// A folder with device nodes, which tests may break.
    private final class Nodes {
        let folder = NSTemporaryDirectory() + "tala-nodes-\(UUID().uuidString)"
        var nodes: DeviceNodes { DeviceNodes([folder + "/renderD", folder + "/nvidia"]) }

        init(_ names: [String] = [], broken: [String] = []) throws {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            for name in names { try DurableFiles.replace(folder + "/" + name, with: "") }
            for name in broken { try FileManager.default.createSymbolicLink(atPath: folder + "/" + name, withDestinationPath: "nowhere") }
        }

        deinit { FolderListing.delete(folder) }
    }

    private static var card: ProfiledDevice { ProfiledDevice(CardProfile.all[0]) }

    private static func choose(
        _ nodes: Nodes, graphics: @escaping () throws -> [String] = { [] }, open: @escaping () throws -> any ComputeDevice = { Self.card }
    ) throws -> AutomaticDevice {
        try AutomaticDevice(.init(graphics: graphics, open: open, nodes: nodes.nodes))
    }

    @Test func aGraphicsProcessorThatWorksIsTaken() throws {
        let choice = try Self.choose(Nodes(["renderD128"]), graphics: { ["a card"] })
        #expect(choice.device.name == Self.card.name && choice.replacement == nil)
    }

    @Test func theProcessorStandsInWithoutAWordWhereThereIsNoGraphicsProcessor() throws {
        let choice = try Self.choose(Nodes(["card0", "nvidiactl"]))
        #expect(choice.device.sharesProcessMemory && choice.replacement == nil)
        let without = try Self.choose(Nodes(), graphics: { throw DriverError() })
        #expect(without.device.sharesProcessMemory && without.replacement == nil)
    }

    @Test func aGraphicsProcessorThatFailsIsNamedWithWhatItsDriverSays() throws {
        let choice = try Self.choose(Nodes(), graphics: { ["a card"] }, open: { throw DriverError() })
        #expect(choice.device.sharesProcessMemory)
        #expect(choice.replacement == "a card cannot be used: vkCreateDevice failed with -4")
    }

    @Test func aNodeWithoutADriverOrWithoutTheRightToOpenItIsNamed() throws {
        let open = try Nodes(["renderD128"])
        #expect(
            try Self.choose(open).replacement == "\(open.folder)/renderD128 is there, but no Vulkan driver offers its device")
        let closed = try Nodes(broken: ["renderD128"])
        let reason = try Self.choose(closed).replacement ?? ""
        #expect(reason.hasPrefix("\(closed.folder)/renderD128 is there, but may not be opened: "), "\(reason)")
        let broken = try Nodes(["nvidia0"])
        let said = try Self.choose(broken, graphics: { throw DriverError() }).replacement ?? ""
        #expect(said == "\(broken.folder)/nvidia0 is there, but Vulkan does not work: vkCreateDevice failed with -4")
    }

    /// The event and the status tell it once, and the status no longer when the card is used again.
    @Test func aJobTellsThatTheProcessorStandsIn() throws {
        let folder = JobFolder(path: NSTemporaryDirectory() + "tala-replaced-\(UUID().uuidString)/ftjob-01aaaaaaaaaaaaaaaaaaaaaaaa")
        defer { FolderListing.delete(DurableFiles.split(folder.path).folder) }
        try FileManager.default.createDirectory(atPath: folder.controls, withIntermediateDirectories: true)
        let manifest: JSONNode = ["model": "m", "training_file": "t"]
        try DurableFiles.replace(folder.manifestFile, with: JSONWriter().string(manifest))
        let acceptance = JobAcceptance(
            createdAt: 1, owner: 0, modelPath: "/m", trainingPath: "/t", validationPath: nil, initialAdapterPath: nil)
        try DurableFiles.replace(folder.acceptanceFile, with: JSONWriter().string(acceptance.json))
        let runner = try JobRunner(folder: folder, deviceSelector: nil, mustStop: { false })
        for _ in 1...2 { try runner.note(replacement: "a card cannot be used: no shaders") }
        #expect(runner.status.deviceWarning == "a card cannot be used: no shaders")
        #expect(JobStatus(json: runner.status.json)?.deviceWarning == runner.status.deviceWarning)
        let events = String(decoding: try DurableFiles.read(folder.eventsFile), as: UTF8.self)
        #expect(events.components(separatedBy: "\"device_replaced\"").count == 2, "\(events)")
        #expect(events.contains("\"warn\"") && events.contains("a card cannot be used: no shaders"))
        try runner.note(replacement: nil)
        #expect(runner.status.deviceWarning == nil)
    }
}
