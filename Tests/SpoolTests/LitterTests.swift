import Foundation
import Storage
import Testing

@testable import Spool

/// What a worker leaves that dies between the making of a file and its renaming.
@Suite struct LitterTests {
    @Test func unfinishedFilesGoFromEveryFolderThatAWorkerWritesAndFinishedOnesStay() throws {
        let folder = JobFolder(path: NSTemporaryDirectory() + "tala-litter-\(UUID().uuidString)/ftjob-01aaaaaaaaaaaaaaaaaaaaaaaa")
        defer { FolderListing.delete(DurableFiles.split(folder.path).folder) }
        let places = [folder.path, folder.checkpoints, folder.tokens, folder.tokens + "/digests", folder.tensorBoard]
        for place in places {
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
            for name in ["kept", ".kept.1.tmp", ".trash-1"] { try DurableFiles.replace(place + "/" + name, with: "") }
        }
        folder.removeLitter()
        for place in places {
            let files = try FolderListing.names(in: place).filter { !FileManager.default.fileExists(atPath: place + "/" + $0 + "/kept") }
            #expect(files == ["kept"], "\(place): \(files)")
        }
    }
}
