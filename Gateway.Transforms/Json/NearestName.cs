namespace OpenRouterGateway.Transforms.Json;

/// <summary>Finds the known name that is nearest to a misspelled one, for "did you mean".</summary>
internal static class NearestName
{
    /// <summary>
    /// The candidate nearest to <paramref name="name"/>; <see langword="null"/> if none is near enough to be a typing error.
    /// </summary>
    public static string? Find(string name, IEnumerable<string> candidates)
    {
        var limit = Math.Max(2, name.Length / 3);
        string? nearest = null;
        foreach (var candidate in candidates)
        {
            var distance = Distance(name.ToUpperInvariant(), candidate.ToUpperInvariant());
            if (distance <= limit && distance < candidate.Length)
            {
                limit = distance - 1;
                nearest = candidate;
            }
        }

        return nearest;
    }

    /// <summary>The edit distance: the number of insertions, deletions, replacements and swaps of adjacent characters.</summary>
    private static int Distance(string from, string to)
    {
        var rows = new int[from.Length + 1, to.Length + 1];
        for (var i = 0; i <= from.Length; i++)
        {
            rows[i, 0] = i;
        }

        for (var j = 0; j <= to.Length; j++)
        {
            rows[0, j] = j;
        }

        for (var i = 1; i <= from.Length; i++)
        {
            for (var j = 1; j <= to.Length; j++)
            {
                var cost = from[i - 1] == to[j - 1] ? 0 : 1;
                rows[i, j] = Math.Min(Math.Min(rows[i - 1, j] + 1, rows[i, j - 1] + 1), rows[i - 1, j - 1] + cost);
                if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
                {
                    rows[i, j] = Math.Min(rows[i, j], rows[i - 2, j - 2] + 1);
                }
            }
        }

        return rows[from.Length, to.Length];
    }
}
