using LlmService.Inference.Configuration;
using LlmService.Inference.Weights;
using LlmService.Inference.Weights.Gguf;
using LlmService.Tokenizers;
using LlmService.Tokenizers.Chat;

namespace LlmService.Inference;

/// <summary>Where configuration and tokenizer of a model are: in the files of its folder, or inside its GGUF file.</summary>
public sealed class ModelSource
{
    private readonly string _folder;
    private readonly Lazy<GgufModel>? _gguf;

    // Whether the GGUF file tells the architecture; else config.json does.
    private readonly bool _isSelfContained;

    private ModelSource(string folder, Lazy<GgufModel>? gguf, bool isSelfContained)
    {
        _folder = folder;
        _gguf = gguf;
        _isSelfContained = isSelfContained;
    }

    /// <summary>The source of a folder with the weights that were chosen. A GGUF file is asked where the choice says so, and where there is no config.json.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="weights">The choice; null for what the folder prefers.</param>
    public static ModelSource Of(string folder, WeightChoice? weights)
    {
        WeightChoice? choice = weights ?? (Directory.Exists(folder) && WeightFiles.List([.. WeightFiles.FilesOf(folder)]) is [var preferred, ..] ? preferred : null);
        if (choice is not { Format: WeightFormat.Gguf, Files: [var file, ..] })
            return new(folder, null, false);
        return new(folder, new(() => GgufModel.Open(Path.Combine(folder, file))), choice.IsSelfContained || !File.Exists(Path.Combine(folder, ModelConfiguration.FileName)));
    }

    private bool IsTokenizerInFolder =>
        Directory.Exists(_folder) && Tokenizers.Tokenizer.FilesOf([.. Directory.EnumerateFiles(_folder).Select(path => Path.GetFileName(path))]).Count > 0;

    private GgufModel? Gguf => _isSelfContained ? _gguf!.Value : null;

    /// <summary>The architecture and its sizes.</summary>
    /// <exception cref="InferenceException">NoUsableWeights, CorruptModel, UnsupportedModelType.</exception>
    public ModelConfiguration Configuration() => Gguf?.Configuration() ?? ModelConfiguration.Load(_folder);

    /// <summary>How to generate.</summary>
    /// <exception cref="InferenceException">CorruptModel.</exception>
    public GenerationConfiguration Generation() => Gguf?.Generation() ?? GenerationConfiguration.Load(_folder);

    /// <summary>Whether there is a tokenizer at all.</summary>
    /// <exception cref="InferenceException">CorruptModel.</exception>
    public bool HasTokenizer => IsTokenizerInFolder || _gguf?.Value.HasTokenizer == true;

    /// <summary>The tokenizer. One in the folder is taken where the GGUF file does not stand for all, or has one that is not known.</summary>
    /// <exception cref="TokenizerException">Missing, damaged or not supported.</exception>
    /// <exception cref="InferenceException">CorruptModel.</exception>
    public Tokenizer Tokenizer()
    {
        bool isInFolder = IsTokenizerInFolder;
        if (_gguf is null || (isInFolder && !_isSelfContained))
            return Tokenizers.Tokenizer.Load(_folder);
        try
        {
            return _gguf.Value.Tokenizer();
        }
        catch (TokenizerException e) when (e.Failure != TokenizerFailure.Corrupt && isInFolder)
        {
            return Tokenizers.Tokenizer.Load(_folder);
        }
    }

    /// <summary>What tokenizer_config.json says, or the keys in its place.</summary>
    /// <exception cref="TokenizerException">Damaged.</exception>
    /// <exception cref="InferenceException">CorruptModel.</exception>
    public TokenizerConfig TokenizerConfig() => Gguf?.TokenizerConfig() ?? Tokenizers.TokenizerConfig.Load(_folder);

    /// <summary>How the model wants conversations written; null when nothing says so.</summary>
    /// <exception cref="TemplateException">It does not compile.</exception>
    /// <exception cref="TokenizerException">A file is damaged.</exception>
    /// <exception cref="InferenceException">CorruptModel.</exception>
    public ChatTemplate? ChatTemplate() => Gguf is { } model ? model.ChatTemplate() : Tokenizers.Chat.ChatTemplate.Load(_folder);
}
