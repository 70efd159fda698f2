namespace Soak;

/// <summary>A line through samples by least squares.</summary>
/// <param name="PerMinute">The growth per minute.</param>
/// <param name="AtZero">The value at the start of the load.</param>
internal sealed record Trend(double PerMinute, double AtZero)
{
    public double At(double minutes) => AtZero + (PerMinute * minutes);

    public static Trend Of(IReadOnlyList<(double Minutes, double Value)> points)
    {
        var x = points.Average(point => point.Minutes);
        var y = points.Average(point => point.Value);
        var spread = points.Sum(point => (point.Minutes - x) * (point.Minutes - x));
        var slope = spread == 0 ? 0 : points.Sum(point => (point.Minutes - x) * (point.Value - y)) / spread;
        return new Trend(slope, y - (slope * x));
    }
}
