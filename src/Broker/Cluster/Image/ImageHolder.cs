namespace PipeRoll.Broker.Cluster.Image;

/// <summary>The newest image. Readers take it without waiting; writers follow one another.</summary>
internal sealed class ImageHolder
{
    private readonly Lock _writers = new();
    private volatile ClusterImage _current = ClusterImage.Empty;

    public ClusterImage Current => _current;

    /// <returns>The image that was replaced, and the one that replaced it.</returns>
    public (ClusterImage Before, ClusterImage After) Update(Func<ClusterImage, ClusterImage> change)
    {
        lock (_writers)
        {
            ClusterImage before = _current;
            _current = change(before);
            return (before, _current);
        }
    }
}
