import CZlib
import Foundation
import JSON
import Spool
import TestSupport
import Testing

@testable import CommandLineTools

@Suite struct PlotTests {
    private static func series(_ count: Int) -> MetricsTable.Series {
        .init(name: "train_loss", points: (1...count).map { .init(step: $0, value: 10 / Double($0)) })
    }

    @Test(arguments: [20, 40, 80, 300]) func aCurveFitsTheTerminalAndItsFirstColumnIsTheHighest(width: Int) {
        let lines = TextChart(series: Self.series(500), width: width, height: 6).text.split(separator: "\n").map(String.init)
        #expect(lines.count == 8)
        for line in lines { #expect(DisplayWidth.of(line) <= max(width, 32), "\(line)") }
        #expect(lines[1].contains("┤█"))
        #expect(lines[7].contains("1 ") && lines[7].hasSuffix("500"))
    }

    @Test func eachColumnIsTheMeanOfItsSteps() {
        let points = [1.0, 3, 5, 7].enumerated().map { MetricsTable.Point(step: $0.offset + 1, value: $0.element) }
        #expect(TextChart.means(points, columns: 2) == [2, 6])
        #expect(TextChart.means(points, columns: 80) == [1, 3, 5, 7])
        #expect(TextChart.means([points[0], points[3]], columns: 4) == [1, nil, nil, 7])
    }

    @Test func valuesThatAreMissingOrNotNumbersAreLeftOut() {
        let table = MetricsTable(text: "step,train_loss,full_valid_loss\n1,2.5,\n2,nan,3.5\n3,inf,\nhalf a ro")
        #expect(table.points("train_loss") == [.init(step: 1, value: 2.5)])
        #expect(table.points("full_valid_loss") == [.init(step: 2, value: 3.5)])
    }

    @Test(arguments: [(0.0, "0.0000"), (1.25, "1.2500"), (3e-5, "3.00e-5"), (2_500_000, "2.50e6"), (-12.5, "-12.5000"), (1234.5, "1235")])
    func numbersAreShort(number: Double, text: String) { #expect(TextChart.number(number) == text) }

    @Test func aPictureIsWellFormedAndHasEveryCurve() throws {
        let picture = SVGChart(title: "a <job> & more", series: [Self.series(5_000), Self.series(1)]).text
        let parser = XMLCheck(picture)
        #expect(parser.isWellFormed)
        #expect(picture.contains("<polyline") && picture.contains("<circle"))
        #expect(picture.utf8.count < 60_000)
    }

    @Test func aPictureInPixelsIsAWholePNGAndShowsTheCurve() throws {
        let file = try #require(PNGChart(title: "ftjob-01 é", series: [Self.series(500), Self.series(1)]).file)
        #expect(file.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]))
        var chunks: [(name: String, content: [UInt8])] = []
        var rest = file.dropFirst(8)
        func number(_ bytes: some Collection<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }
        while rest.count >= 12 {
            let count = number(rest.prefix(4))
            let body = Array(rest.dropFirst(4).prefix(count + 4))
            #expect(number(rest.dropFirst(8 + count).prefix(4)) == Int(crc32(0, body, uInt(body.count))))
            chunks.append((String(decoding: body.prefix(4), as: UTF8.self), Array(body.dropFirst(4))))
            rest = rest.dropFirst(12 + count)
        }
        #expect(rest.isEmpty && chunks.map(\.name) == ["IHDR", "IDAT", "IEND"])
        let (width, height) = (number(chunks[0].content.prefix(4)), number(chunks[0].content.dropFirst(4).prefix(4)))
        var size = uLong((width * 3 + 1) * height)
        var pixels = [UInt8](repeating: 0, count: Int(size))
        let code = uncompress(&pixels, &size, chunks[1].content, uLong(chunks[1].content.count))
        #expect(code == Z_OK && Int(size) == pixels.count)
        // The first curve is blue; falling, it is high at the left and low at the right.
        func rows(_ column: Int) -> [Int] {
            (0..<height / 2).filter { row in
                let place = row * (width * 3 + 1) + 1 + column * 3
                return pixels[place] < 0x60 && pixels[place + 2] > 0x90
            }
        }
        let (left, right) = (rows(160), rows(width - 40))
        #expect(!left.isEmpty && !right.isEmpty)
        #expect((left.first ?? 0) < (right.first ?? 0))
    }

    @Test func aJobsFiguresAreDrawnAndPrintedAsJSON() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        try spool.add(1, "running", step: 40, of: 90)
        let text = try spool.tala(["plot"])
        #expect(text.status == 0 && text.output.contains("train_loss") && text.output.contains("learning_rate"), "\(text)")
        let node = try JSONParser().parse(Array(spool.tala(["plot", "--json", "--column", "train_loss"]).output.utf8))
        #expect(node["series"]?.array?.first?["points"]?.array?.count == 40)
        #expect(try spool.tala(["plot", "--svg", "-"]).output.hasPrefix("<svg"))
        let png = spool.layout.root + "/loss.png"
        #expect(try spool.tala(["plot", "--png", png]).output.isEmpty)
        #expect(try Data(contentsOf: URL(fileURLWithPath: png)).starts(with: [0x89, 0x50, 0x4E, 0x47]))
        let wrong = try spool.tala(["plot", "--column", "perplexity"])
        #expect(wrong.status == 2 && wrong.errors.contains("train_loss"), "\(wrong)")
    }
}

/// Whether every tag of a text in XML is closed in its place.
private struct XMLCheck {
    let isWellFormed: Bool

    init(_ text: String) {
        var open: [Substring] = []
        var isFine = true
        for part in text.split(separator: "<").dropFirst(text.hasPrefix("<") ? 0 : 1) {
            guard let end = part.firstIndex(of: ">") else {
                isFine = false
                break
            }
            let tag = part[..<end]
            if tag.hasPrefix("/") {
                isFine = isFine && open.popLast() == tag.dropFirst()
            } else if !tag.hasSuffix("/") {
                open.append(tag.prefix { $0 != " " })
            }
        }
        isWellFormed = isFine && open.isEmpty
    }
}
