namespace LlmService.Inference.Weights;

/// <summary>Tells what is there instead of a tensor that is missing.</summary>
internal static class TensorNames
{
    private const int Shown = 3;

    /// <summary>A sentence: by which prefix the names differ, or which come nearest.</summary>
    /// <param name="missing">The name that was asked for.</param>
    /// <param name="stored">The names that are there.</param>
    public static string Describe(string missing, IReadOnlyCollection<string> stored)
    {
        if (stored.Count == 0)
            return "There are no tensors at all.";
        if (stored.FirstOrDefault(name => name.EndsWith("." + missing, StringComparison.Ordinal)) is { } longer)
        {
            string prefix = longer[..^missing.Length];
            return $"It is there as '{longer}': {stored.Count(name => name.StartsWith(prefix, StringComparison.Ordinal))} of the {stored.Count} names begin with '{prefix}', which the architecture does not have.";
        }
        if (stored.FirstOrDefault(name => name.Contains('.', StringComparison.Ordinal) && missing.EndsWith("." + name, StringComparison.Ordinal)) is { } shorter)
            return $"It is there as '{shorter}': the names lack the prefix '{missing[..^shorter.Length]}', as those of a model without its head do.";
        string[] nearest = [.. stored.OrderByDescending(name => Likeness(name, missing)).ThenBy(name => name, StringComparer.Ordinal).Take(Shown)];
        return $"The nearest of the {stored.Count} that are there: {string.Join(", ", nearest)}.";
    }

    // Equal parts from the left and from the right, such as "model.layers.0" and "weight".
    private static int Likeness(string name, string wanted)
    {
        string[] left = name.Split('.'), right = wanted.Split('.');
        int most = Math.Min(left.Length, right.Length), front = 0, back = 0;
        while (front < most && left[front] == right[front])
            front++;
        while (back < most - front && left[^(back + 1)] == right[^(back + 1)])
            back++;
        return front + back;
    }
}
