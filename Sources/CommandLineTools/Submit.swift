package import ArgumentParser
import Glibc
import JSON
import Jobs
import Manifest
import Spool
import Storage

/// `tala submit`: drops a manifest, or a bundle, and prints the job's id.
package struct Submit: ParsableCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Drop a manifest, or a folder with a manifest and its data, into the spool.")
    @OptionGroup var options: SpoolOptions
    @Argument(help: "The manifest (.json, .yaml) or a folder that holds one.") var manifest: String
    @Flag(help: "Wait until the job has ended; the exit code tells how.") var wait = false

    package init() {}

    package func run() throws {
        let layout = options.layout
        guard access(layout.incoming, W_OK) == 0 else { throw ValidationError("\(layout.incoming) is not there or cannot be written") }
        var name = DurableFiles.split(manifest.hasSuffix("/") ? String(manifest.dropLast()) : manifest).name
        let temporary = layout.incoming + "/.\(name).\(getpid()).tmp"
        if FolderListing.isFolder(manifest) {
            try DurableFiles.makeFolder(temporary, isNew: true)
            for file in try FolderListing.names(in: manifest) where !FolderListing.isFolder(manifest + "/" + file) {
                _ = try DurableFiles.copy(manifest + "/" + file, toNew: temporary + "/" + file)
            }
        } else {
            let bytes = try DurableFiles.read(manifest, limit: 2 << 20)
            // Refused here what the daemon would refuse, while the user is looking.
            let read: Manifest
            do throws(ManifestError) { read = try Manifest(ManifestText(bytes, isYAML: !name.hasSuffix(".json"))) } catch {
                StandardError.write("\(manifest): \(error)\n")
                throw CommandExit.failed.code
            }
            let carried = CarriedData(read, beside: DurableFiles.split(manifest).folder, layout)
            var target = temporary
            if !carried.names.isEmpty {
                try DurableFiles.makeFolder(temporary, isNew: true)
                try carried.copy(into: temporary)
                target += "/manifest." + (name.hasSuffix(".json") ? "json" : "yaml")
                name = name.split(separator: ".").first.map(String.init) ?? name
            }
            try bytes.withUnsafeBufferPointer { try DurableFiles.write(UnsafeRawBufferPointer($0), toNew: target) }
        }
        // The daemon is another user: what is dropped must be readable whatever the umask says.
        if FolderListing.isFolder(temporary) {
            chmod(temporary, 0o755)
            for file in try FolderListing.names(in: temporary) where !FolderListing.isFolder(temporary + "/" + file) {
                chmod(temporary + "/" + file, 0o644)
            }
        } else {
            chmod(temporary, 0o644)
        }
        // A name of its own tells this drop from others in jobs/ and rejected/.
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        let stamp = "\(getpid())-\(UInt32.random(in: .min ... .max))"
        name = parts.count > 1 ? parts.dropLast().joined(separator: ".") + ".\(stamp)." + (parts.last ?? "") : "\(name)-\(stamp)"
        let before = Set(JobListing.ids(layout))
        try DurableFiles.rename(temporary, to: layout.incoming + "/" + name)
        guard JobListing.daemonRuns(layout) else {
            StandardError.write("dropped; no daemon works on \(layout.root) now, the job begins when one does\n")
            throw CommandExit.noDaemon.code
        }
        let id = try accepted(name, layout, before)
        print(options.json ? JSONWriter().string(["id": JSONNode(id)]) : id)
        if wait { try Watch.follow(layout.job(id), quietly: true) }
    }

    /// Waits until the daemon has taken the drop.
    private func accepted(_ name: String, _ layout: SpoolLayout, _ before: Set<String>) throws -> String {
        for _ in 0..<600 {
            if let bytes = try? DurableFiles.read(layout.rejected + "/" + name + "/error.json", limit: 1 << 20),
                let error = try? JSONParser().parse(bytes)
            {
                let place = error["line"]?.integer.map { ", line \($0)" } ?? ""
                StandardError.write(
                    "rejected\(place): \(error["param"]?.string.map { "\($0): " } ?? "")\(error["message"]?.string ?? "")\n")
                throw CommandExit.failed.code
            }
            if access(layout.incoming + "/" + name, F_OK) != 0 {
                let new = JobListing.ids(layout).filter { !before.contains($0) }
                // Others may drop at the same time: the job knows the name that it was dropped under.
                if let id = new.last(where: { (try? layout.job($0).acceptance())?.drop == name }) { return id }
            }
            usleep(50_000)
        }
        StandardError.write("the daemon has not taken the manifest within 30 s\n")
        throw CommandExit.noDaemon.code
    }
}
