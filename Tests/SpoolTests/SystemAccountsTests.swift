import Glibc
import Testing

@testable import Spool

struct SystemAccountsTests {
    /// What the C library says of this process's user, asked in another way.
    @Test func aUserIsFoundByNumberAndName() throws {
        let id = getuid()
        let name = try #require(getpwuid(id).map { String(cString: $0.pointee.pw_name) })
        #expect(SystemAccounts.name(ofUser: id) == name)
        #expect(SystemAccounts.user(name) == id)
        let first = try #require(getpwuid(id).map { $0.pointee.pw_gid })
        let groups = try #require(SystemAccounts.groups(ofUser: id))
        #expect(groups.contains(first))
        var list = [gid_t](repeating: 0, count: 65_536)
        var count = Int32(list.count)
        try #require(getgrouplist(name, first, &list, &count) >= 0)
        #expect(groups == Set(list.prefix(Int(count))))
        let group = try #require(SystemAccounts.name(ofGroup: first))
        #expect(SystemAccounts.group(group) == first)
    }

    /// Whoever asks many times among other work gets one answer: what the entry's texts lie in must
    /// not be gone when it is read.
    @Test func theAnswerDoesNotChangeAmongOtherWork() {
        let wanted = SystemAccounts.groups(ofUser: getuid())
        for round in 0..<200 {
            let noise = [CChar](repeating: CChar(truncatingIfNeeded: round), count: 1 << 16)
            #expect(SystemAccounts.groups(ofUser: getuid()) == wanted && noise.count == 1 << 16)
        }
    }

    @Test func whoIsNotThereIsNobody() {
        #expect(SystemAccounts.user("no such user of this system") == nil)
        #expect(SystemAccounts.group("no such group of this system") == nil)
        #expect(SystemAccounts.name(ofUser: 3_999_999_999) == nil)
        #expect(SystemAccounts.groups(ofUser: 3_999_999_999) == nil)
        #expect(Submitter(user: 3_999_999_999) == Submitter(user: 3_999_999_999, groups: [], name: "3999999999"))
    }
}
