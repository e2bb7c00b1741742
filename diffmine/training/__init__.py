"""Training of any denoiser on any labelled pictures: one loop for every dataset and model.

``options`` holds what a recipe may say, ``loop.train`` does the work; the finetuners are thin over them.
"""
