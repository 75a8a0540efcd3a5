import Foundation
import JSON
import Jobs
import Manifest
import Spool
import Storage
import StorageTrials
import TestSupport
import Testing
import Worker

/// `profile: true` in a manifest: one step is timed kernel by kernel, and the job ends in the same
/// bytes.
@Suite(.serialized) struct StepProfileTests {
    @Test(arguments: ["cpu", "vulkan"]) func aProfiledJobSaysWhereTheTimeWentAndEndsInTheSameBytes(device: String) throws {
        let job = try CrashJob(dropout: 0.1, device: device, splitsBatches: true)
        defer { job.remove() }
        #expect(job.run() == .succeeded, "\(job.folder.status()?.error?.message ?? "")")
        let wanted = try JobTrace(job.folder)
        #expect(!FolderListing.exists(job.folder.profileFile))
        try job.reset()
        var manifest = try job.folder.manifest()
        manifest.isProfiled = true
        try DurableFiles.replace(job.folder.manifestFile, with: JSONWriter().string(manifest.json))
        #expect(job.run() == .succeeded, "\(job.folder.status()?.error?.message ?? "")")
        let trace = try JobTrace(job.folder)
        #expect(trace.differences(from: wanted) == "")

        let profile = try JSONParser().parse(DurableFiles.read(job.folder.profileFile))
        #expect(profile["step"]?.integer == 2 && profile["device"]?.string == job.folder.status()?.device)
        let kernels = try #require(profile["kernels"]?.array)
        let names = Set(kernels.compactMap { $0["operation"]?.string })
        #expect(
            names.isSuperset(of: ["MatrixProduct", "Attention", "AttentionBackward", "RMSNorm", "CrossEntropy", "AdamW"]),
            "\(names.sorted())")
        let layers = try #require(ReferenceSet.own.json("chat-model/config.json")["num_hidden_layers"]?.integer)
        // The attention of each layer ran once in each micro-batch.
        let attention = kernels.filter { $0["operation"]?.string == "Attention" }.compactMap { $0["calls"]?.integer }.reduce(0, +)
        #expect(attention >= layers && attention % layers == 0, "\(attention)")
        let seconds = kernels.compactMap { $0["seconds"]?.double }.reduce(0, +)
        let whole = try #require(profile["seconds"]?.double)
        #expect(seconds > 0 && abs(seconds - whole) < 1e-3 * whole + 1e-4)
        #expect(kernels.allSatisfy { ($0["floor_seconds"]?.double ?? -1) >= 0 })
        let table = String(decoding: try DurableFiles.read(job.folder.profileTable), as: UTF8.self)
        #expect(table.contains("distance") && table.contains("= forward and backward") && table.contains("= update"))
        #expect(job.events.contains("profile.txt"))
    }
}
