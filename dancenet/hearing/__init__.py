"""What can be heard in a recording: sound, its spectrum, beats, bars, sections. `dancenet.music` is its face."""
