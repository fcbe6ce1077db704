namespace LlmService.Inference.Kernels;

/// <summary>
/// What a kernel over tiles needs of an instruction set: a group of <see cref="Rows"/> rows of a tile, one row a lane. The kernels are written once
/// and compiled for each set; since a lane is a row, no sum depends on how many lanes there are, and all sets give the same bits.
/// Sources are checked by the kernel: a tile is one span of known length, and every read lies inside of it.
/// </summary>
/// <typeparam name="TShorts">Two numbers of 16 bits a row.</typeparam>
/// <typeparam name="TBytes">Four numbers of 8 bits a row.</typeparam>
/// <typeparam name="TInts">An integer a row.</typeparam>
/// <typeparam name="TFloats">A float a row.</typeparam>
internal interface ILanes<TShorts, TBytes, TInts, TFloats>
{
    /// <summary>Rows of a group.</summary>
    static abstract int Rows { get; }

    /// <summary>sum + w₀a₀ + w₁a₁ in every row.</summary>
    /// <param name="sum">The sum so far.</param>
    /// <param name="weights">Two a row.</param>
    /// <param name="pair">a₀ and a₁, 16 bits each, the same for all rows.</param>
    static abstract TInts AddProducts(TInts sum, TShorts weights, int pair);

    /// <summary>The same integer in every row.</summary>
    static abstract TInts Create(int value);

    /// <summary>Unsigned bytes, four a row.</summary>
    static abstract TBytes Load(ref byte source);

    /// <summary>The first and the third byte of each row.</summary>
    static abstract TShorts Even(TBytes bytes);

    /// <summary>The second and the fourth byte of each row.</summary>
    static abstract TShorts Odd(TBytes bytes);

    static abstract TBytes LowNibbles(TBytes packed);

    static abstract TBytes HighNibbles(TBytes packed);

    /// <summary>w₀a₀ + w₁a₁ and w₂a₂ + w₃a₃ in every row; each fits 16 bits.</summary>
    /// <param name="weights">Four unsigned bytes a row, up to 15.</param>
    /// <param name="four">a₀ … a₃, signed bytes, the same for all rows.</param>
    static abstract TShorts Products(TBytes weights, int four);

    static abstract TShorts Add(TShorts a, TShorts b);

    static abstract TInts Add(TInts a, TInts b);

    /// <summary>Adds the two numbers of each row to the sums.</summary>
    static abstract TInts AddPairs(TInts sum, TShorts pairs);

    /// <summary>bfloat16 numbers, one a row.</summary>
    static abstract TFloats LoadScales(ref byte source);

    /// <summary>sum + dot (scales · factor), fused.</summary>
    static abstract TFloats AddScaled(TFloats sum, TInts dot, TFloats scales, float factor);

    static abstract void Store(TFloats values, ref float destination);

    static abstract TFloats LoadSums(ref float source);
}
