import Glibc
import JSON
import Jobs
import Storage

/// What a job that did not finish leaves for use: its newest verified checkpoint as an adapter or
/// model, in `result/partial`.
///
/// The name says that it is not a result: nothing looks there for a finished model.
package enum PartialResult {
    package static let folderName = "partial"
    /// Files of a checkpoint that only a resumed run has use for, as its `state.json` lists them.
    private static func resumeFiles(of checkpoint: String) -> Set<String> {
        let state = try? JSONParser().parse(DurableFiles.read(checkpoint + "/state.json", limit: 1 << 20))
        let listed = state?["resume_files"]?.array?.compactMap(\.string)
        // Checkpoints without the list are of a version that knew one optimizer.
        return Set(listed ?? ["first_moments.safetensors", "second_moments.safetensors", "state.json"]).union([WholeFolder.listName])
    }

    /// Builds `result/` with `partial/` in it from the newest checkpoint that verifies.
    /// - Parameter reason: why the job ended, a sentence's part such as "was cancelled".
    /// - Returns: the checkpoint's name, or nil if there is none.
    /// - Throws: ``StorageError``; nothing of the result is then visible.
    package static func export(_ folder: JobFolder, reason: String) throws -> String? {
        // A result that is complete is never replaced by a part of it.
        if FolderListing.exists(folder.result), WholeFolder.fault(in: folder.result) == nil,
            !FolderListing.exists(folder.result + "/" + folderName)
        {
            return nil
        }
        for name in folder.checkpointNames.reversed() {
            let checkpoint = folder.checkpoints + "/" + name
            guard try WholeFolder.verify(checkpoint) == nil, let step = CheckpointRecord.step(ofFolder: name) else { continue }
            let resumeFiles = resumeFiles(of: checkpoint)
            let files = try FolderListing.names(in: checkpoint).filter { !resumeFiles.contains($0) }
            let byteCount = files.reduce(1 << 16) { $0 + (FolderListing.byteCount(checkpoint + "/" + $1) ?? 0) }
            try WholeFolder.build(folder.result, byteCount: byteCount) { temporary in
                let target = temporary + "/" + folderName
                try DurableFiles.makeFolder(target, isNew: true)
                for file in files { _ = try DurableFiles.copy(checkpoint + "/" + file, toNew: target + "/" + file) }
                let node: JSONNode = [
                    "partial": true, "job": JSONNode(folder.id), "checkpoint": JSONNode(name), "step": JSONNode(step),
                    "reason": JSONNode(reason),
                ]
                try DurableFiles.replace(temporary + "/partial.json", with: JSONWriter(isIndented: true).string(node) + "\n")
                try DurableFiles.replace(
                    target + "/README.md",
                    with: """
                        # Not a finished model

                        The job \(folder.id) \(reason). This is its checkpoint of step \(step), usable as it is; training was not complete.

                        """)
            }
            return name
        }
        return nil
    }
}
