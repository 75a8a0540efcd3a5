package import JSON

/// The records of a data file as they stand there.
package enum RecordList {
    /// One record and its physical line.
    package struct Record: Sendable {
        package var line: Int
        package var node: JSONNode
    }

    /// Reads all records; what is no JSON object is left out, for the reading of examples says so.
    /// - Throws: ``DatasetProblem`` where the file cannot be read.
    package static func read(_ path: String, name: String) throws(DatasetProblem) -> [Record] {
        let text = InputText(try DataFile(path: path, name: name))
        try text.fill(to: ChunkSize.usual)
        let isArray =
            text.bytes.first { !Bytes.isBlank(CollectionOfOne($0)) && $0 != Bytes.lineEnd }
            == UInt8(ascii: "[")
        let source: any ChunkSource = isArray ? ArraySource(text) : LineSource(text)
        var records: [Record] = []
        while let chunk = try source.next() {
            chunk.bytes.withBytes { bytes in
                func add(_ range: Range<Int>, _ line: Int) {
                    guard !Bytes.isBlank(bytes[range]),
                        let node = try? JSONParser().parse(UnsafeBufferPointer(rebasing: bytes[range])),
                        node.object != nil
                    else { return }
                    records.append(Record(line: line, node: node))
                }
                if let places = chunk.places {
                    for place in places { add(place.range, place.line) }
                } else {
                    var (start, line) = (0, chunk.firstLine)
                    while start < bytes.count {
                        let end = bytes[start...].firstIndex(of: Bytes.lineEnd) ?? bytes.count
                        add(start..<end, line)
                        (start, line) = (end + 1, line + 1)
                    }
                }
            }
        }
        return records
    }
}
