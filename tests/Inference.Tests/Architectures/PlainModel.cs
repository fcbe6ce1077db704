namespace LlmService.Inference.Tests.Architectures;

/// <summary>The parts of a model as their formulas say, in doubles and without any care for speed, over the weights of a random model. Rows are tokens.</summary>
/// <param name="model">The weights.</param>
internal sealed class PlainModel(RandomModel model)
{
    private const double Tolerance = 2e-4;

    public double[][] Embed(string name, IEnumerable<int> ids, int width) => [.. ids.Select(id => model[$"{name}.weight"].Skip(id * width).Take(width).Select(value => (double)value).ToArray())];

    /// <summary>W x, and + b where there is one.</summary>
    public double[][] Linear(string name, double[][] input)
    {
        float[] weights = model[$"{name}.weight"];
        int inputs = input[0].Length, outputs = weights.Length / inputs;
        float[]? bias = model.Has($"{name}.bias") ? model[$"{name}.bias"] : null;
        return [.. input.Select(row => Enumerable.Range(0, outputs).Select(o => (bias?[o] ?? 0) + Enumerable.Range(0, inputs).Sum(i => weights[o * inputs + i] * row[i])).ToArray())];
    }

    public double[][] LayerNorm(string name, double[][] input, double epsilon) => [.. input.Select(row => LayerNorm(name, row, epsilon))];

    public double[] LayerNorm(string name, double[] row, double epsilon)
    {
        double mean = row.Average(), spread = Math.Sqrt(row.Average(value => (value - mean) * (value - mean)) + epsilon);
        float[] weights = model[$"{name}.weight"], bias = model[$"{name}.bias"];
        return [.. row.Select((value, i) => (value - mean) / spread * weights[i] + bias[i])];
    }

    public double[][] RmsNorm(string name, double[][] input, double epsilon) => [.. input.Select(row =>
    {
        double spread = Math.Sqrt(row.Average(value => value * value) + epsilon);
        return row.Select((value, i) => value / spread * model[$"{name}.weight"][i]).ToArray();
    })];

    /// <summary>Softmax attention; heads lie side by side in the rows.</summary>
    /// <param name="queries">[tokens][heads × key size].</param>
    /// <param name="keys">As many.</param>
    /// <param name="values">[tokens][heads × value size].</param>
    /// <param name="heads">How many heads.</param>
    /// <param name="score">The score of a pair, from head, query, key and their product.</param>
    public static double[][] Attend(double[][] queries, double[][] keys, double[][] values, int heads, Func<int, int, int, double, double> score) => [.. queries.Select((query, q) =>
        Enumerable.Range(0, heads).SelectMany(head =>
        {
            double[] own = Part(query, head, heads);
            double[] weights = [.. keys.Select((key, k) => Math.Exp(score(head, q, k, own.Zip(Part(key, head, heads), (a, b) => a * b).Sum())))];
            return Part(values[0], head, heads).Select((_, i) => values.Select((value, k) => weights[k] * Part(value, head, heads)[i]).Sum() / weights.Sum());
        }).ToArray())];

    /// <summary>A head of a row.</summary>
    public static double[] Part(double[] row, int head, int heads) => row[(head * row.Length / heads)..((head + 1) * row.Length / heads)];

    /// <summary>Each head of each row changed.</summary>
    public static double[][] EachHead(double[][] rows, int heads, Func<double[], int, double[]> change) =>
        [.. rows.Select((row, token) => Enumerable.Range(0, heads).SelectMany(head => change(Part(row, head, heads), token)).ToArray())];

    /// <summary>A head turned by its position.</summary>
    /// <param name="head">The head.</param>
    /// <param name="position">The position.</param>
    /// <param name="size">What exponents are counted in.</param>
    /// <param name="first">Where the turning part begins; it turns halves against each other.</param>
    public static double[] Turn(double[] head, int position, int size, int first = 0)
    {
        int half = (size + 1) / 2;
        double[] turned = [.. head];
        for (int i = 0; i < half; i++)
        {
            double angle = position * Math.Pow(10000, -2.0 * i / size), a = head[first + i], b = head[first + half + i];
            turned[first + i] = a * Math.Cos(angle) - b * Math.Sin(angle);
            turned[first + half + i] = b * Math.Cos(angle) + a * Math.Sin(angle);
        }
        return turned;
    }

    /// <summary>The same of neighbours against each other, from the beginning of the head.</summary>
    public static double[] TurnNeighbours(double[] head, int position, int size)
    {
        double[] turned = [.. head];
        for (int i = 0; i < (size + 1) / 2; i++)
        {
            double angle = position * Math.Pow(10000, -2.0 * i / size), a = head[2 * i], b = head[2 * i + 1];
            turned[2 * i] = a * Math.Cos(angle) - b * Math.Sin(angle);
            turned[2 * i + 1] = b * Math.Cos(angle) + a * Math.Sin(angle);
        }
        return turned;
    }

    /// <summary>Key/value heads, each as often as queries share it.</summary>
    public static double[][] Repeat(double[][] rows, int heads, int times) =>
        [.. rows.Select(row => Enumerable.Range(0, heads).SelectMany(head => Enumerable.Repeat(Part(row, head, heads), times)).SelectMany(part => part).ToArray())];

    public static double Causal(int query, int key) => key > query ? double.NegativeInfinity : 0;

    public static double[][] Add(double[][] a, double[][] b) => [.. a.Zip(b, (x, y) => x.Zip(y, (p, q) => p + q).ToArray())];

    public static double[][] Multiply(double[][] a, double[][] b) => [.. a.Zip(b, (x, y) => x.Zip(y, (p, q) => p * q).ToArray())];

    public static double[][] Map(double[][] rows, Func<double, double> function) => [.. rows.Select(row => row.Select(function).ToArray())];

    public static double GeluTanh(double x) => x / 2 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));

    public static double Silu(double x) => x / (1 + Math.Exp(-x));

    public static void AssertClose(double[][] expected, ReadOnlySpan<float> found)
    {
        double[] all = [.. expected.SelectMany(row => row)];
        Assert.Equal(all.Length, found.Length);
        for (int i = 0; i < all.Length; i++)
            Assert.True(Math.Abs(all[i] - found[i]) <= Tolerance, $"at {i}: {all[i]} expected, {found[i]} found");
    }
}
