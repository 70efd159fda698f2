namespace HopBenchmark;

/// <summary>The results of one scenario: a row per hop, a column per figure, and in each cell a value per round.</summary>
internal sealed class ResultTable
{
    private readonly OrderedDictionary<string, Dictionary<Figure, Series>> _rows = [];
    private readonly OrderedDictionary<string, string> _absent = [];
    private readonly List<string> _cold = [];

    public ResultTable(string title)
    {
        Title = title;
    }

    public string Title { get; }

    /// <summary>The heading of the rows.</summary>
    public string RowTitle { get; init; } = "hop";

    public IReadOnlyList<string> Rows => _rows.Keys;

    /// <summary>Rows without values, with the reason.</summary>
    public IReadOnlyDictionary<string, string> Absent => _absent;

    /// <summary>Rows of hops whose code was still being compiled.</summary>
    public IReadOnlyList<string> Cold => _cold;

    public Series? this[string row, Figure figure] => _rows.GetValueOrDefault(row)?.GetValueOrDefault(figure);

    public void Add(string row, Figure figure, double value)
    {
        if (!_rows.TryGetValue(row, out var cells))
        {
            _rows.Add(row, cells = []);
        }

        if (!cells.TryGetValue(figure, out var series))
        {
            cells.Add(figure, series = new Series(figure));
        }

        series.Add(value);
    }

    public void AddCold(string row) => _cold.Add(row);

    public void AddAbsent(string row, string reason) => _absent[row] = reason;

    /// <summary>
    /// Adds a figure that compares every row's values with those of one row, round by round. Without that row, nothing is added.
    /// </summary>
    public void Compare(Figure figure, Figure source, string with, Func<double, double, double> of)
    {
        if (this[with, source] is not { } others)
        {
            return;
        }

        foreach (var (row, cells) in _rows)
        {
            foreach (var (own, other) in cells.GetValueOrDefault(source)?.Values.Zip(others.Values) ?? [])
            {
                Add(row, figure, of(own, other));
            }
        }
    }
}
