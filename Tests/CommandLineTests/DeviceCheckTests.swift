import Foundation
import JSON
import Storage
import TestSupport
import Testing

@Suite struct DeviceCheckTests {
    /// In seconds, so that most cases are left out: that each kernel computes the right thing is
    /// what KernelTests show.
    @Test func theReportHasKernelsParityRatesAndTraining() throws {
        let report = NSTemporaryDirectory() + "tala-device-check-\(UUID().uuidString).json"
        defer { unlink(report) }
        let outcome = try BuiltProgram(name: "tala").run([
            "device-check", "--device", "cpu", "--seconds", "3", "--reference", ReferenceSet.own.folder, "--report", report, "--json",
        ])
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
        let node = try JSONParser().parse(DurableFiles.read(report))
        #expect(node["passed"]?.bool == true)
        let examined = try #require(node["examined"]?.array?.first)
        #expect(examined["device"]?.string == "cpu" && examined["failures"]?.array?.isEmpty == true)
        let parts = try #require(examined["parts"])
        let kernels = try #require(parts["kernels"]?.object)
        #expect(kernels.count > 30)
        #expect(kernels.contains { ($0.node["cases"]?.integer ?? 0) > 0 && ($0.node["elements"]?.integer ?? 0) > 0 })
        #expect((parts["parity"]?.object ?? []).contains { ($0.node["loss_off_by"]?.double ?? 1) < 1e-5 })
        #expect(parts["products"]?["float32"]?["gflop_s"]?.double ?? 0 > 0)
        #expect(parts["training stories260k float32"]?["tok_s"]?.double ?? 0 > 0)
        let text = String(decoding: try DurableFiles.read(report), as: UTF8.self)
        #expect(!text.contains(NSUserName() + "@") && !text.contains(ReferenceSet.own.folder))
    }

    @Test func aDeviceThatIsNotThereFails() throws {
        let outcome = try BuiltProgram(name: "tala").run(["device-check", "--device", "vulkan:99", "--seconds", "1"])
        #expect(outcome.status == 1 && outcome.errors.contains("FAILED: vulkan:99"), "\(outcome)")
    }
}
