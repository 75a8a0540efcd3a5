import Foundation
import Glibc
import Testing

@testable import Spool

/// acl(5): what a list of the kernel's form grants to somebody who does not own the file.
@Suite struct AccessControlListTests {
    private func list(_ entries: [AccessControlList.Entry]) -> AccessControlList {
        var list = AccessControlList(readableBy: 7)
        list.entries = entries
        return list
    }

    @Test func theListOfAPrivateFolderGrantsReadingToOneUserAndTheGroup() {
        let list = AccessControlList(readableBy: 1000)
        #expect(list.grants(4, user: 1000, groups: [], fileGroup: 5) && list.grants(1, user: 1000, groups: [], fileGroup: 5))
        #expect(!list.grants(2, user: 1000, groups: [], fileGroup: 5))
        #expect(list.grants(5, user: 1001, groups: [5], fileGroup: 5))
        #expect(!list.grants(4, user: 1001, groups: [6], fileGroup: 5))
    }

    @Test func itsBytesAreThoseOfTheKernelAndAreReadBack() throws {
        let list = AccessControlList(readableBy: 0x0102_0304)
        #expect(Array(list.bytes.prefix(4)) == [2, 0, 0, 0] && list.bytes.count == 4 + 8 * 5)
        // Tag 2, permissions 5, the id, each little-endian.
        #expect(Array(list.bytes[12..<20]) == [2, 0, 5, 0, 4, 3, 2, 1])
        #expect(AccessControlList(list.bytes) == list)
    }

    @Test func bytesOfAnotherVersionOrLengthOrTagAreNoList() {
        let bytes = AccessControlList(readableBy: 1).bytes
        #expect(AccessControlList([]) == nil && AccessControlList(Array(bytes.dropLast())) == nil)
        #expect(AccessControlList([3] + bytes.dropFirst()) == nil)
        var unknown = bytes
        unknown[4] = 3
        #expect(AccessControlList(unknown) == nil)
    }

    @Test func theMaskLimitsNamedUsersAndGroupsButNotOthers() {
        let entries: [AccessControlList.Entry] = [
            .init(tag: .owner, permissions: 7), .init(tag: .user, permissions: 7, id: 9), .init(tag: .group, permissions: 0),
            .init(tag: .namedGroup, permissions: 6, id: 50), .init(tag: .mask, permissions: 4), .init(tag: .other, permissions: 1),
        ]
        let list = list(entries)
        #expect(list.grants(4, user: 9, groups: [], fileGroup: 1) && !list.grants(2, user: 9, groups: [], fileGroup: 1))
        #expect(list.grants(4, user: 8, groups: [50], fileGroup: 1) && !list.grants(2, user: 8, groups: [50], fileGroup: 1))
        // Whoever is in the file's group is not one of the others, even where that grants less.
        #expect(!list.grants(1, user: 8, groups: [1], fileGroup: 1) && list.grants(1, user: 8, groups: [2], fileGroup: 1))
    }

    @Test func aListIsPutOnAFolderWhereTheFileSystemHasThem() throws {
        let folder = NSTemporaryDirectory() + "tala-acl-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let list = AccessControlList(readableBy: 12_345)
        guard list.apply(toFolder: folder) else { return }
        #expect(AccessControlList(path: folder) == list)
    }
}
