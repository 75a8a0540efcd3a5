import Basics
import Testing

@testable import Engine

@Suite struct PagePoolTests {
    /// Takes pages for a text, publishes those that are full, and gives all back.
    private static func use(_ pool: inout PagePool, _ tokens: [Int32], scope: String = "") -> (found: Int, pages: [Int32])? {
        let shared = pool.take(prefixOf: tokens, limit: tokens.count - 1, scope: scope, pageRows: 4)
        guard let own = pool.take((tokens.count + 3) / 4 - shared.pages.count) else {
            pool.release(shared.pages)
            return nil
        }
        let pages = shared.pages + own
        var node = shared.node
        for index in shared.pages.count..<tokens.count / 4 {
            node = pool.publish(pages[index], tokens: tokens[(4 * index)..<(4 * index + 4)], before: node, scope: scope)
        }
        pool.release(pages)
        return (shared.pages.count, pages)
    }

    @Test func aTextThatBeginsAlikeFindsWholePagesOfItsOwnScope() throws {
        var pool = PagePool(count: 16)
        let text: [Int32] = [1, 2, 3, 4, 5, 6, 7, 8, 9]
        #expect(try #require(Self.use(&pool, text)).found == 0)
        #expect(try #require(Self.use(&pool, text)).found == 2)
        #expect(try #require(Self.use(&pool, [1, 2, 3, 4, 5, 6, 7, 99, 9])).found == 1)
        // The last token is always computed.
        #expect(try #require(Self.use(&pool, [1, 2, 3, 4, 5, 6, 7, 8])).found == 1)
        // The same page behind another beginning is another text.
        #expect(try #require(Self.use(&pool, [0, 0, 0, 0, 5, 6, 7, 8, 9])).found == 0)
        #expect(try #require(Self.use(&pool, text, scope: "another")).found == 0)
        #expect(pool.heldCount == 0)
    }

    @Test func whatWasUsedLongestAgoGoesFirst() throws {
        var pool = PagePool(count: 4)
        let (first, second): ([Int32], [Int32]) = ([1, 1, 1, 1, 0], [2, 2, 2, 2, 0])
        _ = Self.use(&pool, first)
        _ = Self.use(&pool, second)
        #expect(try #require(Self.use(&pool, first)).found == 1)
        // Three pages are needed: the second text's must go, the first's stays.
        _ = Self.use(&pool, [3, 3, 3, 3, 3, 3, 3, 3, 3])
        #expect(try #require(Self.use(&pool, second)).found == 0)
    }

    @Test func forgottenPagesAreFreeOrBecomeSoWhenTheyAreGivenBack() throws {
        var pool = PagePool(count: 4)
        _ = Self.use(&pool, [1, 1, 1, 1, 0], scope: "0/a")
        let held = pool.take(prefixOf: [1, 1, 1, 1, 0], limit: 4, scope: "0/a", pageRows: 4)
        #expect(held.pages.count == 1 && pool.availableCount == 3)
        pool.forget(scopesWithPrefix: "0/")
        #expect(try #require(Self.use(&pool, [1, 1, 1, 1, 0], scope: "0/a")).found == 0)
        pool.release(held.pages)
        #expect(pool.heldCount == 0 && pool.availableCount == 4)
    }

    @Test func noPageIsEverHeldTwiceForWritingOrLost() throws {
        var random = SplitMix64(seed: 11)
        var pool = PagePool(count: 12)
        var held: [[Int32]] = []
        for _ in 0..<2_000 {
            if held.count < 4, random.next() % 2 == 0 {
                let tokens = (0..<Int(4 + random.next() % 12)).map { Int32($0 / 4 == 0 ? 1 : Int(random.next() % 2)) }
                let shared = pool.take(prefixOf: tokens, limit: tokens.count - 1, scope: "", pageRows: 4)
                guard let own = pool.take((tokens.count + 3) / 4 - shared.pages.count) else {
                    pool.release(shared.pages)
                    continue
                }
                #expect(Set(own).isDisjoint(with: held.flatMap { $0 } + shared.pages) && Set(own).count == own.count)
                var node = shared.node
                for index in shared.pages.count..<tokens.count / 4 {
                    node = pool.publish(
                        own[index - shared.pages.count], tokens: tokens[(4 * index)..<(4 * index + 4)], before: node, scope: "")
                }
                held.append(shared.pages + own)
            } else if !held.isEmpty {
                pool.release(held.remove(at: Int(random.next() % UInt64(held.count))))
            }
            #expect(pool.heldCount == Set(held.flatMap { $0 }).count)
        }
        for pages in held { pool.release(pages) }
        #expect(pool.heldCount == 0 && pool.availableCount == 12)
    }
}
