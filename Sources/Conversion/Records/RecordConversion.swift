import JSON

/// Makes conversations of JSON records.
struct RecordConversion {
    let file: String
    let options: ConversionOptions

    /// A document: a list of records, an object that holds such a list, or one record.
    /// - Throws: ``ConversionProblem`` if it is not JSON.
    func convert(document bytes: [UInt8], _ collector: inout ConversionCollector) throws(ConversionProblem) {
        let body = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
        let node: JSONNode
        do throws(JSONError) { node = try JSONParser(depthLimit: 512).parse(body) } catch {
            let place = TextPlace.of(error.offset, in: body)
            throw ConversionProblem(file: file, line: place.line, column: place.column, "\(error)")
        }
        var places = PlaceFinder(body)
        for record in Self.records(node) {
            let place = places.place(of: record.offset)
            convert(record, line: place.line, column: place.column, &collector) { places.place(of: $0) }
        }
    }

    /// The records of a document. An object whose own keys are those of no record holds them in a
    /// list.
    private static func records(_ node: JSONNode) -> [JSONNode] {
        if let list = node.array { return list }
        if RecordForm(node) != nil { return [node] }
        let list = node.object?.first { member in member.node.array?.first?.object != nil }
        return list?.node.array ?? [node]
    }

    /// A record a line.
    func convert(lines bytes: [UInt8], _ collector: inout ConversionCollector) {
        let body = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
        for (index, line) in body.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            let text = Array(line)
            guard text.contains(where: { ![0x20, 0x09, 0x0D].contains($0) }) else { continue }
            do throws(JSONError) {
                let record = try JSONParser(depthLimit: 512).parse(text)
                convert(record, line: index + 1, column: 1, &collector) { offset in
                    TextPlace(line: index + 1, column: TextPlace.of(offset, in: text).column)
                }
            } catch {
                collector.add(
                    ConversionProblem(file: file, line: index + 1, column: TextPlace.of(error.offset, in: text).column, "\(error)"))
            }
        }
    }

    private func convert(
        _ record: JSONNode, line: Int, column: Int, _ collector: inout ConversionCollector, _ place: (Int) -> TextPlace
    ) {
        do throws(RecordFault) {
            let converted = try RecordForm.converted(record, options)
            collector.add(record: converted, line: line, column: column)
        } catch {
            let at = error.offset.map(place)
            collector.add(ConversionProblem(file: file, line: at?.line ?? line, column: at?.column ?? column, error.message))
        }
    }
}

/// Why a record is no conversation, and where in its text.
struct RecordFault: Error {
    var offset: Int?
    var message: String

    init(_ message: String, at node: JSONNode? = nil) { (self.message, offset) = (message, node?.offset) }
}

/// Places of bytes that are asked for in rising order, without counting lines from the beginning
/// each time.
struct PlaceFinder {
    private let bytes: [UInt8]
    private var counted = 0
    private var line = 1
    private var lineStart = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func place(of offset: Int) -> TextPlace {
        let end = min(max(0, offset), bytes.count)
        if end < counted { (counted, line, lineStart) = (0, 1, 0) }
        while counted < end {
            if bytes[counted] == UInt8(ascii: "\n") {
                line += 1
                lineStart = counted + 1
            }
            counted += 1
        }
        return TextPlace(line: line, column: String(decoding: bytes[lineStart..<end], as: UTF8.self).count + 1)
    }
}
