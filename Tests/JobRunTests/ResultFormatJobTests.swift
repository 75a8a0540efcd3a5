import Foundation
import JSON
import Jobs
import Spool
import Storage
import TestSupport
import Testing

/// A job whose manifest names the forms of its result.
@Suite(.serialized) struct ResultFormatJobTests {
    @Test func aResultHasTheFormsThatTheManifestNames() throws {
        let job = try ReferenceJob(
            lora: true, changes: ["result": ["formats": ["gguf", "gguf-adapter"], "gguf_type": "q8_0"], "suffix": "help"], steps: 1)
        defer { job.remove() }
        #expect(try job.run() == .succeeded)
        let result = job.folder.result
        #expect(
            try FolderListing.names(in: result).filter { FolderListing.isFolder(result + "/" + $0) }.sorted() == [
                "adapter", "gguf", "gguf-adapter",
            ])
        #expect(try FolderListing.names(in: result + "/gguf").sorted() == ["Modelfile", "small-help-Q8_0.gguf"])
        let modelfile = String(decoding: try DurableFiles.read(result + "/gguf/Modelfile"), as: UTF8.self)
        #expect(modelfile.hasPrefix("FROM ./small-help-Q8_0.gguf\n") && modelfile.contains("PARAMETER num_ctx 512"))
        for file in ["gguf/small-help-Q8_0.gguf", "gguf-adapter/adapter.gguf"] {
            #expect(try DurableFiles.read(result + "/" + file).starts(with: Array("GGUF".utf8)), "\(file)")
        }
        // What lists the files for whoever copies them has the new ones, too.
        #expect(try WholeFolder.verify(result) == nil)
    }
}
