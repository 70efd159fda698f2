using System.Globalization;

namespace HopBenchmark;

/// <summary>The values of a figure of one hop, one per round.</summary>
internal sealed class Series(Figure figure)
{
    private readonly List<double> _values = [];

    public IReadOnlyList<double> Values => _values;

    public double Median => MedianOf(_values);

    /// <summary>The summary of all rounds.</summary>
    public double Value => figure.Summary switch
    {
        Summary.Sum => _values.Sum(),
        Summary.Most => _values.Max(),
        _ => Median,
    };

    public string Text => Format(Value);

    /// <summary>The minimum and the maximum of the rounds.</summary>
    public string Spread => $"{Format(_values.Min())} to {Format(_values.Max())}";

    public void Add(double value) => _values.Add(value);

    public string Format(double value) => value.ToString("N" + figure.Digits, CultureInfo.InvariantCulture);

    public static double MedianOf(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        var middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
