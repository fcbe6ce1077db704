using LlmService.Inference.Kernels;

namespace LlmService.Inference.Embeddings;

/// <summary>A text of a request.</summary>
internal readonly record struct PlannedText(EncoderRequest Request, int Text);

/// <summary>
/// Packs texts of all requests into passes of a bounded number of tokens. The request that has got the fewest tokens comes next, so that a few texts need not wait for the thousands of
/// another request; what came later has no claim on what was served before. Used by the engine thread.
/// </summary>
/// <param name="passTokens">Tokens of a pass; a longer text goes alone.</param>
internal sealed class PassPlanner(int passTokens)
{
    private readonly List<EncoderRequest> _requests = [];

    /// <summary>All requests, in the order of their arrival.</summary>
    public IReadOnlyList<EncoderRequest> Requests => _requests;

    /// <summary>Takes a request up.</summary>
    public void Add(EncoderRequest request)
    {
        request.Served = _requests.Count == 0 ? 0 : _requests.Min(other => other.Served);
        _requests.Add(request);
    }

    /// <summary>Forgets a request.</summary>
    public void Remove(EncoderRequest request) => _requests.Remove(request);

    /// <summary>Chooses the texts of the next pass.</summary>
    /// <param name="plan">Receives them.</param>
    public void Plan(List<PlannedText> plan)
    {
        int left = passTokens;
        while (_requests.Where(request => request.HasNext).MinBy(request => request.Served) is { } next)
        {
            int tokens = Room(next[next.Next].Ids.Count);
            if (plan.Count > 0 && tokens > left)
                return;
            plan.Add(new(next, next.Next++));
            next.Served += tokens;
            left -= tokens;
        }
    }

    // Keys and values lie in blocks, of which a short text fills one only in part.
    private static int Room(int tokens) => (tokens + KeyValueView.BlockPositions - 1) / KeyValueView.BlockPositions * KeyValueView.BlockPositions;
}
