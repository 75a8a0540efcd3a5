import JSON
import Basics

/// Changes a JSON text by its tree, so that what comes out is JSON still and gets past the reader
/// into what stands behind it.
struct TreeMutation {
    private let seeds: [JSONNode]
    private let words: [String]

    /// - Parameter seeds: inputs; those that are no JSON, or large, are passed over.
    init(seeds: [[UInt8]], words: [String]) {
        self.seeds = seeds.filter { $0.count <= 1 << 14 }.compactMap { try? JSONParser().parse($0) }
        self.words = words
    }

    var isEmpty: Bool { seeds.isEmpty }

    /// A changed seed.
    func next(_ random: inout SplitMix64) -> [UInt8] {
        var node = seeds[random.below(seeds.count)]
        for _ in 0...random.below(4) { change(&node, &random, depth: 0) }
        return JSONWriter().bytes(node)
    }

    /// Goes down to some node and changes it.
    private func change(_ node: inout JSONNode, _ random: inout SplitMix64, depth: Int) {
        switch node.value {
        case .array(var elements) where !elements.isEmpty && random.below(6) > 0 && depth < 40:
            let index = random.below(elements.count)
            switch random.below(8) {
            case 0: elements.remove(at: index)
            case 1: elements.insert(elements[random.below(elements.count)], at: index)
            case 2: elements.swapAt(index, random.below(elements.count))
            default: change(&elements[index], &random, depth: depth + 1)
            }
            node = JSONNode(elements)
        case .object(var members) where !members.isEmpty && random.below(6) > 0 && depth < 40:
            let index = random.below(members.count)
            switch random.below(10) {
            case 0: members.remove(at: index)
            case 1: members[index].node = members[random.below(members.count)].node
            case 2:
                let other = seeds[random.below(seeds.count)]
                if let more = other.object, !more.isEmpty {
                    let member = more[random.below(more.count)]
                    if let place = members.firstIndex(where: { $0.key == member.key }) {
                        members[place].node = member.node
                    } else {
                        members.append(member)
                    }
                }
            default: change(&members[index].node, &random, depth: depth + 1)
            }
            node = JSONNode(members)
        default: node = value(node, &random)
        }
    }

    private func value(_ node: JSONNode, _ random: inout SplitMix64) -> JSONNode {
        if let text = node.string, random.below(3) > 0 { return JSONNode(changed(text, &random)) }
        switch random.below(12) {
        case 0: return nil
        case 1: return JSONNode(random.below(2) == 0)
        case 2: return JSONNode([0, 1, -1, 2, 255, 65536, Int(Int32.max), Int(Int32.max) + 1, .max, .min][random.below(10)])
        case 3: return JSONNode([0.0, -0.5, 1e-300, 1e308, 0.1, 2.0][random.below(6)])
        case 4: return JSONNode("")
        case 5: return JSONNode([JSONNode]())
        case 6: return JSONNode([JSONMember]())
        case 7: return JSONNode([node, node])
        case 8: return JSONNode([JSONMember("type", node)])
        case 9: return seeds[random.below(seeds.count)]
        default: return words.isEmpty ? JSONNode("x") : JSONNode(words[random.below(words.count)])
        }
    }

    /// A text with something put in, taken out or put in its place.
    private func changed(_ text: String, _ random: inout SplitMix64) -> String {
        var scalars = Array(text.unicodeScalars)
        let place = random.below(scalars.count + 1)
        let end = min(scalars.count, place + random.below(8))
        let pieces =
            words + [
                "\u{0}", "\u{1F469}\u{200D}\u{1F469}", "e\u{301}", "\u{FFFD}", " ", "\n", "<", ">", "(", ")", "[", "*", "+", "?", "|", "\\",
                "{", "}", "{{", "{%",
            ]
        let piece = pieces[random.below(pieces.count)].unicodeScalars
        switch random.below(4) {
        case 0: scalars.removeSubrange(place..<end)
        case 1: scalars.replaceSubrange(place..<end, with: piece)
        case 2:
            let part = Array(scalars[place..<end])
            for _ in 0..<(random.below(20) == 0 ? 100 : 2) { scalars.insert(contentsOf: part, at: place) }
        default: scalars.insert(contentsOf: piece, at: place)
        }
        return String(String.UnicodeScalarView(scalars))
    }
}
