"""Settings of a recipe chosen without masks, by how well a model tells its pictures' labels from wrong ones.

A sample of pictures that the model has not seen is denoised once under its own labels and under wrong ones, at
timesteps all over the noise schedule. What each draw gave is kept, so that every range of timesteps, blur, patch size
and number of draws is then judged without a further forward.
"""
