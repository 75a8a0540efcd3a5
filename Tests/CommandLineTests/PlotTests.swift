import Foundation
import JSON
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

    @Test func aJobsFiguresAreDrawnAndPrintedAsJSON() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        try spool.add(1, "running", step: 40, of: 90)
        let text = try spool.tala(["plot"])
        #expect(text.status == 0 && text.output.contains("train_loss") && text.output.contains("learning_rate"), "\(text)")
        let node = try JSONParser().parse(Array(spool.tala(["plot", "--json", "--column", "train_loss"]).output.utf8))
        #expect(node["series"]?.array?.first?["points"]?.array?.count == 40)
        #expect(try spool.tala(["plot", "--svg", "-"]).output.hasPrefix("<svg"))
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
