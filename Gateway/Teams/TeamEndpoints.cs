namespace Gateway.Teams;

/// <summary>
/// The endpoints that teams may call, as an exact table. Every other endpoint is closed: requests go upstream with the team's OpenRouter
/// key, which can do more than call models. The gateway itself answers those of the kind <see cref="TeamEndpointKind.Account"/>.
/// </summary>
internal static class TeamEndpoints
{
    private static readonly string[] Get = [HttpMethods.Get];
    private static readonly string[] GetOrHead = [HttpMethods.Get, HttpMethods.Head];
    private static readonly string[] Post = [HttpMethods.Post];

    // Exact paths precede paths with a parameter: /videos/models is not the id of a video.
    private static readonly Row[] Rows =
    [
        new(Post, "/chat/completions", TeamEndpointKind.Inference),
        new(Post, "/completions", TeamEndpointKind.Inference),
        new(Post, "/responses", TeamEndpointKind.Inference),
        new(Post, "/messages", TeamEndpointKind.Inference),
        new(Post, "/embeddings", TeamEndpointKind.Inference),
        new(Post, "/rerank", TeamEndpointKind.Inference),
        new(Post, "/images", TeamEndpointKind.Inference),
        new(Post, "/images/generations", TeamEndpointKind.Inference),
        new(Post, "/audio/speech", TeamEndpointKind.Inference),
        new(Post, "/audio/transcriptions", TeamEndpointKind.Inference),
        new(Post, "/audio/translations", TeamEndpointKind.Inference),
        new(Post, "/videos", TeamEndpointKind.Inference),

        new(Post, "/messages/count_tokens", TeamEndpointKind.Catalogue),
        new(GetOrHead, "/models", TeamEndpointKind.Catalogue),
        new(GetOrHead, "/models/count", TeamEndpointKind.Catalogue),
        new(GetOrHead, "/models/user", TeamEndpointKind.Catalogue),
        new(GetOrHead, "/embeddings/models", TeamEndpointKind.Catalogue),
        new(GetOrHead, "/images/models", TeamEndpointKind.Catalogue),
        new(GetOrHead, "/videos/models", TeamEndpointKind.Catalogue),
        new(GetOrHead, "/providers", TeamEndpointKind.Catalogue),
        new(GetOrHead, "/endpoints/zdr", TeamEndpointKind.Catalogue),
        new(GetOrHead, "/benchmarks", TeamEndpointKind.Catalogue),
        new(GetOrHead, "/classifications/task", TeamEndpointKind.Catalogue),
        new(GetOrHead, "/datasets/app-rankings", TeamEndpointKind.Catalogue),
        new(GetOrHead, "/datasets/rankings-daily", TeamEndpointKind.Catalogue),
        new(GetOrHead, "/datasets/session-cost", TeamEndpointKind.Catalogue),
        new(GetOrHead, "/model/{author}/{slug}", TeamEndpointKind.Catalogue),
        new(GetOrHead, "/models/{author}/{slug}/endpoints", TeamEndpointKind.Catalogue),
        new(GetOrHead, "/images/models/{author}/{slug}/endpoints", TeamEndpointKind.Catalogue),

        new(Get, "/generation", TeamEndpointKind.OwnCall),
        new(Get, "/videos/{id}", TeamEndpointKind.OwnCall),
        new(Get, "/videos/{id}/content", TeamEndpointKind.OwnCall),

        new(Get, "/key", TeamEndpointKind.Account),
        new(Get, "/auth/key", TeamEndpointKind.Account),
        new(Get, "/credits", TeamEndpointKind.Account),
    ];

    /// <summary>Every endpoint with each of its methods. A test compares it with the documentation.</summary>
    public static IEnumerable<(string Method, TeamEndpoint Endpoint)> All =>
        Rows.SelectMany(row => row.Endpoint.Methods, (row, method) => (method, row.Endpoint));

    /// <summary>Finds the endpoint at a path, for any method.</summary>
    /// <param name="path">The path below the base address; case and a trailing slash do not matter.</param>
    /// <param name="id">The id in the path; <see langword="null"/> if the endpoint has none.</param>
    /// <returns>The endpoint; <see langword="null"/> if the path is closed.</returns>
    public static TeamEndpoint? Find(ReadOnlySpan<char> path, out string? id)
    {
        id = null;
        if (path.EndsWith('/'))
        {
            path = path[..^1];
        }

        foreach (var row in Rows)
        {
            if (row.IsMatch(path, out var parameter))
            {
                if (row.Endpoint.Kind == TeamEndpointKind.OwnCall && !parameter.IsEmpty)
                {
                    id = parameter.ToString();
                }

                return row.Endpoint;
            }
        }

        return null;
    }

    /// <summary>Whether a text is an id that every parser of paths and queries reads in the same way.</summary>
    public static bool IsId(ReadOnlySpan<char> text)
    {
        const int Longest = 200;
        return text.Length is > 0 and <= Longest && !text.ContainsAnyExcept(SegmentCharacters) && !text.StartsWith('.');
    }

    private static readonly System.Buffers.SearchValues<char> SegmentCharacters =
        System.Buffers.SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:");

    private sealed class Row(string[] methods, string path, TeamEndpointKind kind)
    {
        private readonly string[]? _segments = path.Contains('{', StringComparison.Ordinal) ? path[1..].Split('/') : null;

        public TeamEndpoint Endpoint { get; } = new(methods, path, kind);

        public bool IsMatch(ReadOnlySpan<char> asked, out ReadOnlySpan<char> parameter)
        {
            parameter = default;
            if (_segments is null)
            {
                return asked.Equals(path, StringComparison.OrdinalIgnoreCase);
            }

            if (asked.IsEmpty || asked[0] != '/' || asked.Count('/') != _segments.Length)
            {
                return false;
            }

            var i = 0;
            asked = asked[1..];
            foreach (var range in asked.Split('/'))
            {
                var segment = asked[range];
                var expected = _segments[i++];
                if (expected[0] != '{')
                {
                    if (!segment.Equals(expected, StringComparison.OrdinalIgnoreCase))
                    {
                        return false;
                    }
                }
                else if (IsId(segment))
                {
                    parameter = segment;
                }
                else
                {
                    return false;
                }
            }

            return true;
        }
    }
}
