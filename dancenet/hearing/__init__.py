"""What can be heard in a recording: sound, spectrum, beats, bars, sections; `dancenet.music` is its face."""
