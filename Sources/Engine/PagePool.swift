/// The pages of a cache: who has them, and which hold the beginning of a text that may come again.
///
/// A page whose positions are all computed may be published under the tokens that lead to it. It
/// stays when nobody has it any more, until its room is needed: the least recently used goes first,
/// later pages of a text before earlier ones.
struct PagePool {
    /// A published page: the text before it, by the number of the page that holds its end, and its
    /// own tokens.
    private struct Prefix: Hashable {
        /// What keeps texts apart that must not share: adapter, tenant, rotary factors.
        var scope: String
        /// 0 at the beginning.
        var before: UInt64
        var tokens: [Int32]
    }
    private struct Page {
        var holders = 0
        var prefix: Prefix?
        /// Names the published content for as long as it is there.
        var node: UInt64 = 0
        var lastUse: UInt64 = 0
    }
    private var pages: [Page]
    private var free: [Int32]
    private var published: [Prefix: Int32] = [:]
    private var nextNode: UInt64 = 1
    private var clock: UInt64 = 0
    /// Published pages that nobody has.
    private var idleCount = 0

    init(count: Int) {
        pages = Array(repeating: Page(), count: count)
        free = (0..<count).reversed().map { Int32(truncatingIfNeeded: $0) }
    }

    /// Pages that can be taken.
    var availableCount: Int { free.count + idleCount }
    var count: Int { pages.count }
    /// Pages that somebody has.
    var heldCount: Int { pages.count - availableCount }

    /// Takes the published pages with which a text begins, whole pages of at most `limit` tokens.
    mutating func take(prefixOf tokens: [Int32], limit: Int, scope: String, pageRows: Int) -> (pages: [Int32], node: UInt64) {
        var (found, node): ([Int32], UInt64) = ([], 0)
        while (found.count + 1) * pageRows <= limit {
            let start = found.count * pageRows
            let prefix = Prefix(scope: scope, before: node, tokens: Array(tokens[start..<start + pageRows]))
            guard let page = published[prefix] else { break }
            found.append(page)
            node = pages[Int(page)].node
        }
        for page in found { hold(page) }
        return (found, node)
    }

    private mutating func hold(_ page: Int32) {
        let index = Int(page)
        if pages[index].holders == 0, pages[index].prefix != nil { idleCount -= 1 }
        pages[index].holders += 1
    }

    /// Takes pages for new content; nil if there are not so many.
    mutating func take(_ count: Int) -> [Int32]? {
        guard count <= availableCount else { return nil }
        var taken: [Int32] = []
        taken.reserveCapacity(count)
        for _ in 0..<count {
            guard let page = free.popLast() ?? evicted() else { break }
            pages[Int(page)].holders = 1
            taken.append(page)
        }
        return taken
    }

    private mutating func evicted() -> Int32? {
        let idle = pages.indices.filter { pages[$0].holders == 0 && pages[$0].prefix != nil }
        guard let oldest = idle.min(by: { pages[$0].lastUse < pages[$1].lastUse }) else { return nil }
        if let prefix = pages[oldest].prefix { published[prefix] = nil }
        pages[oldest] = Page()
        idleCount -= 1
        return Int32(truncatingIfNeeded: oldest)
    }

    /// Makes a page's content known to texts that begin alike.
    /// - Parameter before: what this gave for the page before, 0 for the first.
    /// - Returns: what the next page's `before` is.
    mutating func publish(_ page: Int32, tokens: ArraySlice<Int32>, before: UInt64, scope: String) -> UInt64 {
        let prefix = Prefix(scope: scope, before: before, tokens: Array(tokens))
        if let known = published[prefix] { return pages[Int(known)].node }
        let index = Int(page)
        if pages[index].prefix == nil {
            pages[index].prefix = prefix
            pages[index].node = nextNode
            nextNode += 1
            published[prefix] = page
        }
        return pages[index].node
    }

    /// Gives the pages of a sequence back.
    mutating func release(_ held: [Int32]) {
        clock += UInt64(held.count) + 1
        for (depth, page) in held.enumerated() {
            let index = Int(page)
            pages[index].holders -= 1
            guard pages[index].holders == 0 else { continue }
            if pages[index].prefix == nil {
                free.append(page)
            } else {
                pages[index].lastUse = clock - UInt64(depth)
                idleCount += 1
            }
        }
    }

    /// Forgets what was published in a scope: an adapter's room has another content now.
    mutating func forget(scopesWithPrefix text: String) {
        for (prefix, page) in published where prefix.scope.hasPrefix(text) {
            published[prefix] = nil
            let index = Int(page)
            let isIdle = pages[index].holders == 0
            pages[index].prefix = nil
            if isIdle {
                idleCount -= 1
                free.append(page)
            }
        }
    }
}
