package import Datasets
package import Manifest
package import Tokenization
package import Training

/// A job's data, read, checked and divided.
package struct PreparedData {
    package var training: Dataset
    package var validation: Dataset?
    /// Of the training file, then of the validation file if there is one.
    package var reports: [ValidationReport]
    /// The names of the classes, where the data has labels.
    package var classes: [String] { reports.first?.labels?.map(\.name) ?? [] }

    /// Data that has been read elsewhere.
    package init(training: Dataset, validation: Dataset?, reports: [ValidationReport]) {
        (self.training, self.validation, self.reports) = (training, validation, reports)
    }

    /// Reads both files, so that what is wrong with either is known at once.
    /// - Parameters:
    ///   - digests: of both files, where they are known.
    ///   - modelLabels: the classes of the model's own head, where it has one.
    ///   - positionLimit: tokens that the model has positions for.
    ///   - cache: where tokens are kept between runs; nil keeps none.
    ///   - progress: called now and then while a file is read; what it throws ends the reading.
    /// - Throws: ``PreparationError/invalidData(_:)``,
    ///   ``PreparationError/emptySplit(fraction:examples:)``, errors of the storage, and what
    ///   `progress` throws.
    package init(
        _ manifest: Manifest, encoder: ChatEncoder, modelLabels: [String] = [], modelVocabularySize: Int? = nil, positionLimit: Int? = nil,
        modelFolder: String,
        trainingPath: String, validationPath: String?, digests: InputDigests = InputDigests(), cache: DatasetCache?,
        progress: ((DatasetProgress) throws -> Void)? = nil
    ) throws {
        var options = Self.options(manifest, try Objectives.of(manifest.method))
        (options.modelVocabularySize, options.positionLimit) = (modelVocabularySize, positionLimit)
        options.labels?.preferred = modelLabels
        let reader = DatasetReader(encoder: encoder, options: options, modelFolder: modelFolder, cache: cache)
        let (all, report) = try reader.read(trainingPath, name: manifest.trainingFile, digest: digests.training, progress: progress)
        reports = [report]
        var held: Dataset?
        if let validationPath {
            // Its labels are those of the training data.
            var reader = reader
            if let labels = report.labels, report.isValid {
                reader.options.labels?.names = labels.map(\.name)
                reader.options.labels?.areNumbers = report.labelsAreNumbers
                reader.options.labels?.isTraining = false
            }
            let (data, report) = try reader.read(
                validationPath, name: manifest.validationFile, digest: digests.validation, progress: progress)
            reports.append(report)
            held = data
        }
        if validationPath == nil, let fraction = manifest.validationSplit { reports[0].requireClassesToDivide(fraction) }
        guard let all, reports.allSatisfy(\.isValid) else { throw PreparationError.invalidData(reports) }
        training = all
        if let held {
            validation = held
            DatasetReader.compare(&reports[1], held, with: all)
        } else if let fraction = manifest.validationSplit {
            let (kept, drawn) = all.split(fraction: fraction, seed: manifest.seed)
            guard kept.count > 0, drawn.count > 0 else { throw PreparationError.emptySplit(fraction: fraction, examples: all.count) }
            (training, validation) = (kept, drawn)
            DatasetReader.compare(&reports[0], drawn, with: kept)
            reports[0].split = ValidationReport.Split(fraction: fraction, trainingCount: kept.count, validationCount: drawn.count)
        }
    }

    /// How the manifest wants its files read for an objective.
    package static func options(_ manifest: Manifest, _ objective: any Objective) -> DatasetOptions {
        let part: TrainedPart =
            switch manifest.trainOn {
            case .assistant: .assistant
            case .completion: .completion
            case .all: .all
            }
        let excess: DatasetOptions.OnExcess =
            switch manifest.onExcess {
            case .error: .error
            case .truncate: .truncate
            case .drop: .drop
            }
        var options = DatasetOptions(
            purpose: objective.purpose, trainOn: part, maximumLength: manifest.maximumLength,
            onExcess: excess)
        options.specialTokensInText =
            switch manifest.specialTokensInText {
            case .warn: .warn
            case .error: .error
            case .encodeAsText: .encodeAsText
            }
        objective.adjust(&options)
        return options
    }
}
