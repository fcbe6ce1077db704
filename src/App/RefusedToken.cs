using LlmService.Hub;

namespace LlmService.App;

/// <summary>What is told of a token that the Hub does not accept, where the model could be read without it.</summary>
internal static class RefusedToken
{
    /// <summary>Names the source, the reason and the remedy.</summary>
    /// <param name="source">Where the token is set.</param>
    /// <param name="diagnosis">What the Hub said of it.</param>
    public static string Describe(string source, HubDiagnosis? diagnosis) =>
        $"{source}: the Hub does not accept it; it {(diagnosis == HubDiagnosis.TokenExpired ? "has expired" : "is invalid, expired or revoked")}. "
        + "Replace it there, or remove it: a public model needs none.";
}
